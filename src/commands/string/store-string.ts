/** The writing half of SET and its relatives. */
import { encodingOf } from '../arguments.js';
import type { Deadline } from '../expiry/deadline.js';
import type { CommandContext } from '../spec.js';

/** Stores value argument `valueAt` under key argument 1; without a deadline the record stays the command's own. */
export function storeString(ctx: CommandContext, valueAt: number, keepTtl: boolean): void {
  const { argv } = ctx;
  const start = argv.start(valueAt);
  const end = argv.end(valueAt);
  ctx.db.setString(argv, 1, argv.bytes, start, end, encodingOf(argv.bytes, start, end), keepTtl);
  ctx.touch(1);
  ctx.dirty++;
}

/** As storeString, with an expiry time. The record is `SET key value PXAT ms`, whatever the client sent. */
export function storeExpiringString(ctx: CommandContext, valueAt: number, deadline: Deadline): void {
  const { argv, db } = ctx;
  storeString(ctx, valueAt, true);
  const entry = db.peek(argv.bytes, argv.start(1), argv.end(1));
  if (entry !== null) db.setExpiry(entry, Number(deadline));
  ctx.propagateAs('SET', argv.view(1), argv.view(valueAt), 'PXAT', String(deadline));
}
