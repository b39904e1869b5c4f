/** LMPOP and BLMPOP: the arguments behind numkeys, and the pop itself. */
import type { Argv } from '../../resp/argv.js';
import { integerArgument, SYNTAX_ERROR } from '../arguments.js';
import { type CommandContext, CommandError } from '../spec.js';
import { endArgument, findList, type ListEnd } from './list-at.js';
import { replyAndRemove } from './pop-generic.js';

/** COMMAND INFO prints no fixed positions. */
export const MULTI_POP_KEYS = null;

export interface MultiPop {
  readonly firstKey: number;
  readonly lastKey: number;
  readonly end: ListEnd;
  readonly count: number;
}

/** `numkeysAt`: position of numkeys. */
export function multiPopArguments(argv: Argv, numkeysAt: number): MultiPop {
  const keys = positive(argv, numkeysAt, 'ERR numkeys should be greater than 0');
  const firstKey = numkeysAt + 1;
  const lastKey = numkeysAt + keys;
  if (lastKey + 1 >= argv.argc) throw new CommandError(SYNTAX_ERROR);
  const end = endArgument(argv, lastKey + 1);
  let count = -1;
  for (let i = lastKey + 2; i < argv.argc; i += 2) {
    if (count !== -1 || !argv.is(i, 'COUNT') || i + 1 >= argv.argc) throw new CommandError(SYNTAX_ERROR);
    count = positive(argv, i + 1, 'ERR count should be greater than 0');
  }
  return { firstKey, lastKey, end, count: Math.max(count, 1) };
}

/** Answers with key and elements of the first list there is; false, without an answer, when there is none. */
export function popFirst(ctx: CommandContext, args: MultiPop): boolean {
  for (let i = args.firstKey; i <= args.lastKey; i++) if (popAt(ctx, i, args)) return true;
  return false;
}

/** As popFirst, of key argument i only. */
export function popAt(ctx: CommandContext, i: number, { end, count }: MultiPop): boolean {
  const list = findList(ctx, i);
  if (list === null) return false;
  const key = ctx.argv.copy(i);
  ctx.reply.array(2);
  ctx.reply.bulk(key);
  const taken = replyAndRemove(ctx, i, list, end, count);
  ctx.propagateAs(end === 'head' ? 'LPOP' : 'RPOP', key, String(taken));
  return true;
}

function positive(argv: Argv, i: number, message: string): number {
  const value = integerArgument(argv, i, message);
  if (value < 1 || value > 2 ** 63) throw new CommandError(message);
  return value;
}
