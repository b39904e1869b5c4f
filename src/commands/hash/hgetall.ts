import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { readHash, replyField, replyValue } from './hash-at.js';

export const hgetall: CommandSpec = {
  name: 'hgetall',
  arity: 2,
  flags: ['readonly'],
  keys: FIRST_KEY,
  categories: ['@read', '@hash', '@slow'],
  summary: 'Returns all fields and values.',
  since: '2.0.0',
  group: 'hash',
  execute(ctx) {
    const hash = readHash(ctx);
    ctx.reply.map(hash?.length ?? 0);
    hash?.forEach((page, at) => {
      replyField(ctx.reply, page, at);
      replyValue(ctx.reply, page, at);
    });
  },
};
