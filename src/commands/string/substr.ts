import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { getRange } from './getrange-generic.js';

export const substr: CommandSpec = {
  name: 'substr',
  arity: 4,
  flags: ['readonly'],
  keys: FIRST_KEY,
  categories: ['@read', '@string', '@slow'],
  summary: 'Returns part of the string value of a key.',
  since: '1.0.0',
  group: 'string',
  execute: getRange,
};
