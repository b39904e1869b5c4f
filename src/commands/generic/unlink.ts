import { ALL_KEYS } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { deleteKeys } from './delete-keys.js';

export const unlink: CommandSpec = {
  name: 'unlink',
  arity: -2,
  flags: ['write', 'fast'],
  keys: ALL_KEYS,
  categories: ['@keyspace', '@write', '@fast'],
  summary: 'Unlinks keys and tells how many there were.',
  since: '4.0.0',
  group: 'generic',
  execute: deleteKeys,
};
