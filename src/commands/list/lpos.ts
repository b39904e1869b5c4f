import type { Argv } from '../../resp/argv.js';
import { FIRST_KEY, integerArgument, SYNTAX_ERROR } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { readList } from './list-at.js';

export const lpos: CommandSpec = {
  name: 'lpos',
  arity: -3,
  flags: ['readonly'],
  keys: FIRST_KEY,
  categories: ['@read', '@list', '@slow'],
  summary: 'Returns the indexes of elements that are equal to a value.',
  since: '6.0.6',
  group: 'list',
  execute(ctx) {
    const { argv, reply } = ctx;
    const { rank, count, maxLength } = parseOptions(argv);
    const list = readList(ctx, 1);
    const found: number[] = [];
    if (list !== null) {
      const isBackwards = rank < 0;
      const place = list.place(isBackwards ? list.length - 1 : 0);
      const wanted = count === 0 ? list.length : Math.max(count, 1);
      const compared = maxLength === 0 ? list.length : Math.min(maxLength, list.length);
      for (let i = 0, toSkip = Math.abs(rank) - 1; i < compared && found.length < wanted; i++) {
        if (list.equals(place, argv.bytes, argv.start(2), argv.end(2))) {
          if (toSkip > 0) toSkip--;
          else found.push(isBackwards ? list.length - 1 - i : i);
        }
        if (isBackwards) list.backward(place);
        else list.forward(place);
      }
    }
    if (count < 0) {
      const [first] = found;
      return first === undefined ? reply.nullBulk() : reply.integer(first);
    }
    reply.array(found.length);
    for (const index of found) reply.integer(index);
  },
};

/** count -1: not given, so the first match alone is the reply. */
function parseOptions(argv: Argv): { rank: number; count: number; maxLength: number } {
  const options = { rank: 1, count: -1, maxLength: 0 };
  for (let i = 3; i < argv.argc; i += 2) {
    if (i + 1 >= argv.argc) throw new CommandError(SYNTAX_ERROR);
    if (argv.is(i, 'RANK')) {
      options.rank = integerArgument(argv, i + 1);
      if (options.rank === 0) throw new CommandError(RANK_ZERO);
      // The one number without an opposite: to Redis 7.0 it skips nothing.
      if (options.rank <= -(2 ** 63)) options.rank = -1;
    } else if (argv.is(i, 'COUNT')) options.count = notNegative(argv, i + 1, 'COUNT');
    else if (argv.is(i, 'MAXLEN')) options.maxLength = notNegative(argv, i + 1, 'MAXLEN');
    else throw new CommandError(SYNTAX_ERROR);
  }
  return options;
}

function notNegative(argv: Argv, i: number, name: string): number {
  const message = `ERR ${name} can't be negative`;
  const value = integerArgument(argv, i, message);
  if (value < 0) throw new CommandError(message);
  return value;
}

const RANK_ZERO =
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";
