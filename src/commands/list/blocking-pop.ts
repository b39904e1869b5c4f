/** BLPOP and BRPOP: the first element of the first list there is, or of the first that comes. */
import { ValueType } from '../../keyspace/keyspace.js';
import type { Blocked } from '../blocking.js';
import type { CommandContext } from '../spec.js';
import { timeoutArgument } from '../timeout-argument.js';
import { findList, type ListEnd } from './list-at.js';
import { popOne } from './pop-generic.js';

export function blockingPop(ctx: CommandContext, end: ListEnd): Blocked | undefined {
  const { argv, reply } = ctx;
  const lastKey = argv.argc - 2;
  const timeoutMs = timeoutArgument(argv, lastKey + 1);
  for (let i = 1; i <= lastKey; i++) {
    if (findList(ctx, i) === null) continue;
    popWithKey(ctx, i, end);
    return undefined;
  }
  if (!ctx.denyBlocking) {
    return ctx.block({
      firstKey: 1,
      lastKey,
      type: ValueType.list,
      timeoutMs,
      serve: (later, i) => popWithKey(later, i, end),
      expire: (later) => later.nullArray(),
    });
  }
  reply.nullArray();
  return undefined;
}

/** From the list under key argument i, which is there. */
function popWithKey(ctx: CommandContext, i: number, end: ListEnd): void {
  const list = findList(ctx, i);
  if (list === null) return;
  const key = ctx.argv.copy(i);
  ctx.reply.array(2);
  ctx.reply.bulk(key);
  popOne(ctx, i, list, end);
  ctx.propagateAs(end === 'head' ? 'LPOP' : 'RPOP', key);
}
