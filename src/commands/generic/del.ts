import { ALL_KEYS } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { deleteKeys } from './delete-keys.js';

export const del: CommandSpec = {
  name: 'del',
  arity: -2,
  flags: ['write'],
  keys: ALL_KEYS,
  categories: ['@keyspace', '@write', '@slow'],
  summary: 'Deletes keys and tells how many there were.',
  since: '1.0.0',
  group: 'generic',
  execute: deleteKeys,
};
