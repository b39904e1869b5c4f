import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { getRange } from './getrange-generic.js';

export const getrange: CommandSpec = {
  name: 'getrange',
  arity: 4,
  flags: ['readonly'],
  keys: FIRST_KEY,
  categories: ['@read', '@string', '@slow'],
  summary: 'Returns part of the string value of a key.',
  since: '2.4.0',
  group: 'string',
  execute: getRange,
};
