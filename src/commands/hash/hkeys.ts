import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { readHash, replyField } from './hash-at.js';

export const hkeys: CommandSpec = {
  name: 'hkeys',
  arity: 2,
  flags: ['readonly'],
  keys: FIRST_KEY,
  categories: ['@read', '@hash', '@slow'],
  summary: 'Returns all fields.',
  since: '2.0.0',
  group: 'hash',
  execute(ctx) {
    const hash = readHash(ctx);
    ctx.reply.array(hash?.length ?? 0);
    hash?.forEach((page, at) => void replyField(ctx.reply, page, at));
  },
};
