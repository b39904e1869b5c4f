import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { refusesOtherType } from './reply-string.js';
import { storeString } from './store-string.js';
import { requireStringLength } from './string-length.js';

export const append: CommandSpec = {
  name: 'append',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@fast'],
  summary: 'Appends to the string value of a key; makes the key.',
  since: '2.0.0',
  group: 'string',
  execute(ctx) {
    const { argv, db, reply } = ctx;
    const entry = db.find(argv, 1);
    if (refusesOtherType(ctx, entry)) return;
    if (entry === null) {
      storeString(ctx, 2, false);
      return reply.integer(argv.length(2));
    }
    const had = entry.end - entry.start;
    const length = had + argv.length(2);
    requireStringLength(length);
    const grown = db.resizeString(entry, length);
    argv.bytes.copy(grown.bytes, grown.start + had, argv.start(2), argv.end(2));
    ctx.touch(1);
    ctx.dirty++;
    reply.integer(length);
  },
};
