import { addInt64, FIRST_KEY, int64Argument, parseInt64 } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { closeHash, findHash, openHash } from './hash-at.js';

export const hincrby: CommandSpec = {
  name: 'hincrby',
  arity: 4,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@hash', '@fast'],
  summary: 'Adds to the integer value of a field and returns it.',
  since: '2.0.0',
  group: 'hash',
  execute(ctx) {
    const { argv, reply } = ctx;
    const by = int64Argument(argv, 3);
    const place = findHash(ctx)?.find(argv.bytes, argv.start(2), argv.end(2)) ?? null;
    const before =
      place === null ? 0 : parseInt64(place.page.bytes, place.page.valueStart(place.at), place.page.valueEnd(place.at));
    if (before === null) throw new CommandError('ERR hash value is not an integer');
    const after = addInt64(before, by);
    const length = scratch.latin1Write(String(after), 0);
    const open = openHash(ctx, 2, 2, length);
    open.hash.set(argv.bytes, argv.start(2), argv.end(2), scratch, 0, length, open.limits);
    closeHash(ctx, open);
    ctx.touch(1);
    ctx.dirty++;
    reply.integer(after);
  },
};

const scratch = Buffer.alloc(24);
