import { FIRST_KEY } from '../arguments.js';
import { expiryUnits, positiveDeadline } from '../expiry/deadline.js';
import type { CommandSpec } from '../spec.js';
import { storeExpiringString } from './store-string.js';

export const setex: CommandSpec = {
  name: 'setex',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@slow'],
  summary: 'Sets the string value and the time to live in seconds of a key.',
  since: '2.0.0',
  group: 'string',
  execute(ctx) {
    storeExpiringString(ctx, 3, positiveDeadline(ctx, 2, expiryUnits.EX, 'setex'));
    ctx.reply.simple('OK');
  },
};
