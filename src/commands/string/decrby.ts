import { FIRST_KEY, INT64_MIN, int64Argument } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { increment } from './incr-generic.js';

export const decrby: CommandSpec = {
  name: 'decrby',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@fast'],
  summary: 'Takes from the integer value of a key and returns it.',
  since: '1.0.0',
  group: 'string',
  execute(ctx) {
    const by = int64Argument(ctx.argv, 2);
    // The one number whose negative is none.
    if (by === INT64_MIN) throw new CommandError('ERR decrement would overflow');
    increment(ctx, typeof by === 'bigint' ? -by : 0 - by);
  },
};
