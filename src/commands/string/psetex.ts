import { FIRST_KEY } from '../arguments.js';
import { expiryUnits, positiveDeadline } from '../expiry/deadline.js';
import type { CommandSpec } from '../spec.js';
import { storeExpiringString } from './store-string.js';

export const psetex: CommandSpec = {
  name: 'psetex',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@slow'],
  summary: 'Sets the string value and the time to live in milliseconds of a key.',
  since: '2.6.0',
  group: 'string',
  execute(ctx) {
    storeExpiringString(ctx, 3, positiveDeadline(ctx, 2, expiryUnits.PX, 'psetex'));
    ctx.reply.simple('OK');
  },
};
