import type { CommandSpec } from '../spec.js';
import { EVERY_OTHER_KEY, requirePairs, storePairs } from './mset-generic.js';

export const mset: CommandSpec = {
  name: 'mset',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: EVERY_OTHER_KEY,
  categories: ['@write', '@string', '@slow'],
  summary: 'Sets the string values of several keys.',
  since: '1.0.1',
  group: 'string',
  execute(ctx) {
    requirePairs(ctx, 'mset');
    storePairs(ctx);
    ctx.reply.simple('OK');
  },
};
