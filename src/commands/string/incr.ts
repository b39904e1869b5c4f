import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { increment } from './incr-generic.js';

export const incr: CommandSpec = {
  name: 'incr',
  arity: 2,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@fast'],
  summary: 'Returns the integer value of a key with one added to it.',
  since: '1.0.0',
  group: 'string',
  execute: (ctx) => increment(ctx, 1),
};
