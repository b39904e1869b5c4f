import { StringEncoding } from '../../keyspace/keyspace.js';
import { FIRST_KEY } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { addLongDoubles, formatLongDouble, isFiniteLongDouble, type LongDouble, parseLongDouble, ZERO } from './long-double.js';
import { refusesOtherType } from './reply-string.js';

const NOT_A_FLOAT = 'ERR value is not a valid float';

export const incrbyfloat: CommandSpec = {
  name: 'incrbyfloat',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@fast'],
  summary: 'Adds to the floating point value of a key and returns it.',
  since: '2.6.0',
  group: 'string',
  execute(ctx) {
    const { argv, db } = ctx;
    const entry = db.find(argv, 1);
    if (refusesOtherType(ctx, entry)) return;
    const before = entry === null ? ZERO : parse(entry.bytes, entry.start, entry.end);
    const sum = addLongDoubles(before, parse(argv.bytes, argv.start(2), argv.end(2)));
    if (!isFiniteLongDouble(sum)) throw new CommandError('ERR increment would produce NaN or Infinity');
    const text = Buffer.from(formatLongDouble(sum), 'latin1');
    const encoding = text.length <= 44 ? StringEncoding.embstr : StringEncoding.raw;
    if (entry === null) db.setString(argv, 1, text, 0, text.length, encoding, false);
    else db.replaceString(entry, text, 0, text.length, encoding);
    ctx.touch(1);
    ctx.dirty++;
    // The result, not the sum: another machine's arithmetic must not matter.
    ctx.propagateAs('SET', argv.view(1), text, 'KEEPTTL');
    ctx.reply.bulk(text);
  },
};

function parse(bytes: Buffer, start: number, end: number): LongDouble {
  const value = parseLongDouble(bytes.latin1Slice(start, end));
  if (value === null) throw new CommandError(NOT_A_FLOAT);
  return value;
}
