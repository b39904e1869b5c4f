import { TWO_KEYS } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { timeoutArgument } from '../timeout-argument.js';
import { blockingMove } from './blocking-move.js';

export const brpoplpush: CommandSpec = {
  name: 'brpoplpush',
  arity: 4,
  flags: ['write', 'denyoom', 'noscript', 'blocking'],
  keys: TWO_KEYS,
  categories: ['@write', '@list', '@slow', '@blocking'],
  summary: 'Moves the last element of a list to the front of another and returns it; waits for it.',
  since: '2.2.0',
  group: 'list',
  execute: (ctx) =>
    blockingMove(ctx, {
      from: 'tail',
      to: 'head',
      timeoutMs: timeoutArgument(ctx.argv, 3),
      propagate: (later) => later.propagateAs('RPOPLPUSH', later.argv.copy(1), later.argv.copy(2)),
    }),
};
