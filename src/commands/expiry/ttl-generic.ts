/** What TTL, PTTL, EXPIRETIME and PEXPIRETIME share: -2 without a key, -1 without an expiry time. */
import { NO_EXPIRY } from '../../keyspace/keyspace.js';
import { FIRST_KEY, INT64_MAX } from '../arguments.js';
import type { CommandContext, CommandSpec } from '../spec.js';
import type { ExpiryUnit } from './deadline.js';

export function ttlCommand(name: string, unit: ExpiryUnit, since: string, summary: string): CommandSpec {
  return {
    name,
    arity: 2,
    flags: ['readonly', 'fast'],
    keys: FIRST_KEY,
    categories: ['@keyspace', '@read', '@fast'],
    summary,
    since,
    group: 'generic',
    execute: (ctx) => ttl(ctx, unit),
  };
}

function ttl(ctx: CommandContext, unit: ExpiryUnit) {
  const entry = ctx.db.readQuietly(ctx.argv, 1);
  if (entry === null) return ctx.reply.integer(-2);
  const deadline = entry.expireAtMs;
  if (deadline === NO_EXPIRY) return ctx.reply.integer(-1);
  const ms = unit.isAbsolute ? deadline : Math.max(0, deadline - ctx.nowMs);
  const value = unit.isSeconds ? Math.floor((ms + 500) / 1000) : ms;
  if (Number.isSafeInteger(value)) return ctx.reply.integer(value);
  const big = BigInt(value);
  ctx.reply.integer(big > INT64_MAX ? INT64_MAX : big);
}
