import { ValueType } from '../../keyspace/keyspace.js';
import type { Blocked } from '../blocking.js';
import type { CommandContext, CommandSpec } from '../spec.js';
import { timeoutArgument } from '../timeout-argument.js';
import { MULTI_POP_KEYS, multiPopArguments, popAt, popFirst } from './multi-pop.js';

export const blmpop: CommandSpec = {
  name: 'blmpop',
  arity: -5,
  flags: ['write', 'blocking', 'movablekeys'],
  keys: MULTI_POP_KEYS,
  categories: ['@write', '@list', '@slow', '@blocking'],
  summary: 'Removes and returns elements of the first of several lists that has any; waits for them.',
  since: '7.0.0',
  group: 'list',
  execute(ctx): Blocked | undefined {
    const args = multiPopArguments(ctx.argv, 2);
    const timeoutMs = timeoutArgument(ctx.argv, 1);
    if (popFirst(ctx, args)) return undefined;
    if (!ctx.denyBlocking) {
      return ctx.block({
        firstKey: args.firstKey,
        lastKey: args.lastKey,
        type: ValueType.list,
        timeoutMs,
        serve(later: CommandContext, i) {
          popAt(later, i, args);
        },
        expire: (reply) => reply.nullArray(),
      });
    }
    ctx.reply.nullArray();
    return undefined;
  },
};
