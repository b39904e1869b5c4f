import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { setFields } from './set-fields.js';

export const hmset: CommandSpec = {
  name: 'hmset',
  arity: -4,
  flags: ['write', 'denyoom', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@hash', '@fast'],
  summary: 'Sets fields of a hash; makes the hash.',
  since: '2.0.0',
  group: 'hash',
  execute(ctx) {
    setFields(ctx);
    ctx.reply.simple('OK');
  },
};
