import { FIRST_KEY } from '../arguments.js';
import { positiveDeadline } from '../expiry/deadline.js';
import type { CommandContext, CommandSpec } from '../spec.js';
import { replyString } from './reply-string.js';
import { parseStringOptions } from './set-options.js';
import { storeExpiringString, storeString } from './store-string.js';

export const set: CommandSpec = {
  name: 'set',
  arity: -3,
  flags: ['write', 'denyoom'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@slow'],
  summary: 'Sets the string value of a key, with conditions and an expiry time.',
  since: '1.0.0',
  group: 'string',
  execute(ctx) {
    if (ctx.argv.argc > 3) return setWithOptions(ctx);
    storeString(ctx, 2, false);
    ctx.reply.simple('OK');
  },
};

function setWithOptions(ctx: CommandContext) {
  const { argv, reply, db } = ctx;
  const options = parseStringOptions(argv, 3, 'set');
  const deadline = options.expiry === null ? null : positiveDeadline(ctx, options.expiryAt, options.expiry, 'set');
  if (options.get && !replyString(ctx, db.read(argv, 1))) return;
  if (options.nx || options.xx) {
    const exists = db.find(argv, 1) !== null;
    if (exists === options.nx) {
      if (!options.get) reply.nullBulk();
      return;
    }
  }
  if (deadline !== null) storeExpiringString(ctx, 2, deadline);
  else {
    storeString(ctx, 2, options.keepTtl);
    if (options.get) ctx.propagateAs(...argv.views().filter((_, i) => i < 3 || !argv.is(i, 'GET')));
  }
  if (!options.get) reply.simple('OK');
}
