import { StringEncoding } from '../../keyspace/keyspace.js';
import { FIRST_KEY, integerArgument } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { refusesOtherType } from './reply-string.js';
import { requireStringLength } from './string-length.js';

export const setrange: CommandSpec = {
  name: 'setrange',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@slow'],
  summary: 'Overwrites part of the string value of a key from an offset on, zeros in between.',
  since: '2.2.0',
  group: 'string',
  execute(ctx) {
    const { argv, db, reply } = ctx;
    const offset = integerArgument(argv, 2);
    if (offset < 0) throw new CommandError('ERR offset is out of range');
    let entry = db.find(argv, 1);
    if (refusesOtherType(ctx, entry)) return;
    const had = entry === null ? 0 : entry.end - entry.start;
    const added = argv.length(3);
    if (added === 0) return reply.integer(had);
    requireStringLength(offset + added);
    if (entry === null) {
      db.setString(argv, 1, argv.bytes, 0, 0, StringEncoding.raw, false);
      entry = db.find(argv, 1);
      if (entry === null) throw new Error('a key that was just made is not there');
    }
    const length = Math.max(had, offset + added);
    const grown = db.resizeString(entry, length);
    argv.bytes.copy(grown.bytes, grown.start + offset, argv.start(3), argv.end(3));
    ctx.touch(1);
    ctx.dirty++;
    reply.integer(length);
  },
};
