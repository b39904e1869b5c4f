import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { replyString } from './reply-string.js';

export const get: CommandSpec = {
  name: 'get',
  arity: 2,
  flags: ['readonly', 'fast'],
  keys: FIRST_KEY,
  categories: ['@read', '@string', '@fast'],
  summary: 'Returns the string value of a key.',
  since: '1.0.0',
  group: 'string',
  execute(ctx) {
    replyString(ctx, ctx.db.read(ctx.argv, 1));
  },
};
