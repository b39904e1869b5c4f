/** BLMOVE and BRPOPLPUSH: of a list that is there, or that comes, to another. */
import { ValueType } from '../../keyspace/keyspace.js';
import type { Blocked } from '../blocking.js';
import type { CommandContext } from '../spec.js';
import { findList, type ListEnd } from './list-at.js';
import { moveElement } from './move-generic.js';

export interface BlockingMove {
  readonly from: ListEnd;
  readonly to: ListEnd;
  readonly timeoutMs: number;
  /** Propagates the command that does the same at once. `wasBlocked`: it was served later. */
  propagate(ctx: CommandContext, wasBlocked: boolean): void;
}

export function blockingMove(ctx: CommandContext, { from, to, timeoutMs, propagate }: BlockingMove): Blocked | undefined {
  if (findList(ctx, 1) !== null) {
    moveElement(ctx, from, to);
    propagate(ctx, false);
    return undefined;
  }
  if (!ctx.denyBlocking) {
    return ctx.block({
      firstKey: 1,
      lastKey: 1,
      type: ValueType.list,
      timeoutMs,
      serve(later) {
        moveElement(later, from, to);
        propagate(later, true);
      },
      // Not the null of one that may not block: so it is in Redis.
      expire: (reply) => reply.nullArray(),
    });
  }
  ctx.reply.nullBulk();
  return undefined;
}
