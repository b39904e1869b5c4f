import { FIRST_KEY } from '../arguments.js';
import { isPast, positiveDeadline } from '../expiry/deadline.js';
import { deletePast } from '../expiry/delete-expired.js';
import type { CommandSpec } from '../spec.js';
import { refusesOtherType, replyString } from './reply-string.js';
import { parseStringOptions } from './set-options.js';

export const getex: CommandSpec = {
  name: 'getex',
  arity: -2,
  flags: ['write', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@fast'],
  summary: 'Returns the string value of a key after setting or taking away its expiry time.',
  since: '6.2.0',
  group: 'string',
  execute(ctx) {
    const { argv, db } = ctx;
    const options = parseStringOptions(argv, 2, 'getex');
    const entry = db.read(argv, 1);
    if (refusesOtherType(ctx, entry)) return;
    const deadline =
      entry === null || options.expiry === null ? null : positiveDeadline(ctx, options.expiryAt, options.expiry, 'getex');
    replyString(ctx, entry);
    if (entry === null) return;
    if (deadline !== null) {
      if (options.expiry?.isAbsolute && isPast(ctx, deadline)) return deletePast(ctx, 1, entry);
      db.setExpiry(entry, Number(deadline));
      ctx.propagateAs('PEXPIREAT', argv.view(1), String(deadline));
    } else if (options.persist && db.persist(entry)) {
      ctx.propagateAs('PERSIST', argv.view(1));
    } else return;
    ctx.touch(1);
    ctx.dirty++;
  },
};
