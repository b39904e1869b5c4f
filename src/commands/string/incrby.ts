import { FIRST_KEY, int64Argument } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { increment } from './incr-generic.js';

export const incrby: CommandSpec = {
  name: 'incrby',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@fast'],
  summary: 'Adds to the integer value of a key and returns it.',
  since: '1.0.0',
  group: 'string',
  execute: (ctx) => increment(ctx, int64Argument(ctx.argv, 2)),
};
