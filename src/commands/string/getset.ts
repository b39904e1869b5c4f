import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { replyString } from './reply-string.js';
import { storeString } from './store-string.js';

export const getset: CommandSpec = {
  name: 'getset',
  arity: 3,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@fast'],
  summary: 'Sets the string value of a key and returns the one before.',
  since: '1.0.0',
  group: 'string',
  execute(ctx) {
    const { argv } = ctx;
    if (!replyString(ctx, ctx.db.read(argv, 1))) return;
    storeString(ctx, 2, false);
    ctx.propagateAs('SET', argv.view(1), argv.view(2));
  },
};
