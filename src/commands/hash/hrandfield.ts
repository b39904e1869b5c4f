import type { AnyHash } from '../../keyspace/types/collection-of.js';
import type { FieldPlace } from '../../keyspace/types/hash-value.js';
import { FIRST_KEY, INT64_MAX, int64Argument, SYNTAX_ERROR } from '../arguments.js';
import { type CommandContext, CommandError, type CommandSpec } from '../spec.js';
import { readHash, replyField, replyValue } from './hash-at.js';

export const hrandfield: CommandSpec = {
  name: 'hrandfield',
  arity: -2,
  flags: ['readonly'],
  keys: FIRST_KEY,
  categories: ['@read', '@hash', '@slow'],
  summary: 'Returns fields at random.',
  since: '6.2.0',
  group: 'hash',
  execute(ctx) {
    const { argv, reply } = ctx;
    const withValues = argv.argc === 4;
    const count = argv.argc === 2 ? null : countArgument(ctx, withValues);
    const hash = readHash(ctx);
    if (count === null) {
      if (hash === null) return reply.nullBulk();
      const { page, at } = hash.randomPlace(ctx.random);
      return replyField(reply, page, at);
    }
    if (hash === null || count === 0) return reply.array(0);
    replyPlaces(ctx, count < 0 ? anyPlaces(hash, -count, ctx.random) : differentPlaces(hash, count, ctx.random), withValues);
  },
};

/** Half of the range where each field brings its value. */
function countArgument(ctx: CommandContext, withValues: boolean): number {
  const { argv } = ctx;
  const count = BigInt(int64Argument(argv, 2));
  if (count < -INT64_MAX) throw new CommandError(`ERR value is out of range, value must between -${INT64_MAX} and ${INT64_MAX}`);
  if (argv.argc > 4 || (withValues && !argv.is(3, 'WITHVALUES'))) throw new CommandError(SYNTAX_ERROR);
  const max = withValues ? INT64_MAX / 2n : INT64_MAX;
  if (count < -max || count > max) throw new CommandError('ERR value is out of range');
  return Number(count);
}

function replyPlaces({ reply, session }: CommandContext, places: readonly FieldPlace[], withValues: boolean): void {
  const isPaired = withValues && session.resp === 3;
  reply.array(withValues && !isPaired ? places.length * 2 : places.length);
  for (const { page, at } of places) {
    if (isPaired) reply.array(2);
    replyField(reply, page, at);
    if (withValues) replyValue(reply, page, at);
  }
}

/** Redis has no limit here, and would fill its memory with the reply. */
const REPEATED_MAX = 2 ** 24;

function anyPlaces(hash: AnyHash, count: number, random: () => number): FieldPlace[] {
  if (count > REPEATED_MAX) throw new CommandError('ERR value is out of range');
  return Array.from({ length: count }, () => hash.randomPlace(random));
}

/** All where so many are wanted; else by picking, or by leaving out, whichever takes fewer. */
function differentPlaces(hash: AnyHash, count: number, random: () => number): FieldPlace[] {
  const all: FieldPlace[] = [];
  if (count * 3 > hash.length) {
    hash.forEach((page, at) => void all.push({ page, at }));
    while (all.length > count) {
      const i = Math.floor(random() * all.length);
      all[i] = all[all.length - 1] as FieldPlace;
      all.pop();
    }
    return all;
  }
  const seen = new Map<unknown, Set<number>>();
  while (all.length < count) {
    const place = hash.randomPlace(random);
    const known = seen.get(place.page) ?? new Set();
    seen.set(place.page, known);
    if (known.has(place.at)) continue;
    known.add(place.at);
    all.push(place);
  }
  return all;
}
