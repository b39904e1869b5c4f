import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { refusesOtherType } from './reply-string.js';

export const strlen: CommandSpec = {
  name: 'strlen',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: FIRST_KEY,
  categories: ['@read', '@string', '@fast'],
  summary: 'Returns the length in bytes of the string value of a key.',
  since: '2.2.0',
  group: 'string',
  execute(ctx) {
    const entry = ctx.db.read(ctx.argv, 1);
    if (refusesOtherType(ctx, entry)) return;
    ctx.reply.integer(entry === null ? 0 : entry.end - entry.start);
  },
};
