/**
 * From an expiry argument to Unix milliseconds, with Redis's overflow rules. Values beyond 2^53 stay exact (bigint) so that
 * the record says what the client said; the keyspace rounds them.
 */
import { INT64_MAX, INT64_MIN, int64Argument } from '../arguments.js';
import { type CommandContext, CommandError } from '../spec.js';

export type Deadline = number | bigint;

export interface ExpiryUnit {
  readonly isSeconds: boolean;
  /** Counted from the epoch, not from now. */
  readonly isAbsolute: boolean;
}

/** By option word of SET and GETEX. */
export const expiryUnits: Readonly<Record<'EX' | 'PX' | 'EXAT' | 'PXAT', ExpiryUnit>> = {
  EX: { isSeconds: true, isAbsolute: false },
  PX: { isSeconds: false, isAbsolute: false },
  EXAT: { isSeconds: true, isAbsolute: true },
  PXAT: { isSeconds: false, isAbsolute: true },
};

/** Below this, seconds as milliseconds plus the time of day are exact numbers. */
const SAFE_AMOUNT = 1e12;

/** Argument i as a deadline of SET, SETEX, GETEX ...: must be positive. */
export function positiveDeadline(ctx: CommandContext, i: number, unit: ExpiryUnit, command: string): Deadline {
  const amount = int64Argument(ctx.argv, i);
  const deadline = amount > 0 ? toDeadline(amount, unit, ctx.nowMs) : null;
  if (deadline === null) throw new CommandError(invalidExpireTime(command));
  return deadline;
}

/** Argument i as a deadline of EXPIRE and its relatives: the past is allowed. */
export function anyDeadline(ctx: CommandContext, i: number, unit: ExpiryUnit, command: string): Deadline {
  const deadline = toDeadline(int64Argument(ctx.argv, i), unit, ctx.nowMs);
  if (deadline === null) throw new CommandError(invalidExpireTime(command));
  return deadline;
}

/** Whether a key with this deadline is to be deleted at once. Never while loading: the log says so itself when it goes. */
export function isPast(ctx: CommandContext, deadline: Deadline): boolean {
  return !ctx.isLoading && deadline <= ctx.nowMs;
}

function invalidExpireTime(command: string): string {
  return `ERR invalid expire time in '${command}' command`;
}

function toDeadline(amount: Deadline, unit: ExpiryUnit, nowMs: number): Deadline | null {
  if (typeof amount === 'number' && Math.abs(amount) <= SAFE_AMOUNT) {
    return (unit.isSeconds ? amount * 1000 : amount) + (unit.isAbsolute ? 0 : nowMs);
  }
  const ms = unit.isSeconds ? BigInt(amount) * 1000n : BigInt(amount);
  if (ms < INT64_MIN) return null;
  const deadline = unit.isAbsolute ? ms : ms + BigInt(nowMs);
  return deadline > INT64_MAX ? null : deadline;
}
