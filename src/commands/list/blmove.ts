import { TWO_KEYS } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { timeoutArgument } from '../timeout-argument.js';
import { blockingMove } from './blocking-move.js';
import { endArgument, type ListEnd } from './list-at.js';

export const blmove: CommandSpec = {
  name: 'blmove',
  arity: 6,
  flags: ['write', 'denyoom', 'noscript', 'blocking'],
  keys: TWO_KEYS,
  categories: ['@write', '@list', '@slow', '@blocking'],
  summary: 'Moves an element from one list to another and returns it; waits for it.',
  since: '6.2.0',
  group: 'list',
  execute(ctx) {
    const from = endArgument(ctx.argv, 3);
    const to = endArgument(ctx.argv, 4);
    return blockingMove(ctx, {
      from,
      to,
      timeoutMs: timeoutArgument(ctx.argv, 5),
      // As Redis writes it: its own words for a client that waited, else the client's.
      propagate(later, wasBlocked) {
        const { argv } = later;
        const ends = wasBlocked ? [WORDS[from], WORDS[to]] : [argv.copy(3), argv.copy(4)];
        later.propagateAs('LMOVE', argv.copy(1), argv.copy(2), ...ends);
      },
    });
  },
};

const WORDS: Readonly<Record<ListEnd, string>> = { head: 'left', tail: 'right' };
