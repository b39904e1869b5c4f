import type { FieldPlace } from '../../keyspace/types/hash-value.js';
import { FIRST_KEY } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { addLongDoubles, formatLongDouble, isFiniteLongDouble, parseLongDouble, ZERO } from '../string/long-double.js';
import { closeHash, findHash, openHash } from './hash-at.js';

export const hincrbyfloat: CommandSpec = {
  name: 'hincrbyfloat',
  arity: 4,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@hash', '@fast'],
  summary: 'Adds to the floating point value of a field and returns it.',
  since: '2.6.0',
  group: 'hash',
  execute(ctx) {
    const { argv } = ctx;
    const by = parseLongDouble(argv.bytes.latin1Slice(argv.start(3), argv.end(3)));
    if (by === null) throw new CommandError('ERR value is not a valid float');
    if (!isFiniteLongDouble(by)) throw new CommandError('ERR value is NaN or Infinity');
    const place = findHash(ctx)?.find(argv.bytes, argv.start(2), argv.end(2)) ?? null;
    const before = place === null ? ZERO : parseLongDouble(valueText(place));
    if (before === null) throw new CommandError('ERR hash value is not a float');
    const sum = addLongDoubles(before, by);
    if (!isFiniteLongDouble(sum)) throw new CommandError('ERR increment would produce NaN or Infinity');
    const text = Buffer.from(formatLongDouble(sum), 'latin1');
    const open = openHash(ctx, 2, 2, text.length);
    open.hash.set(argv.bytes, argv.start(2), argv.end(2), text, 0, text.length, open.limits);
    closeHash(ctx, open);
    ctx.touch(1);
    ctx.dirty++;
    // The result, not the sum: another machine's arithmetic must not matter.
    ctx.propagateAs('HSET', argv.view(1), argv.view(2), text);
    ctx.reply.bulk(text);
  },
};

function valueText({ page, at }: FieldPlace): string {
  return page.bytes.latin1Slice(page.valueStart(at), page.valueEnd(at));
}
