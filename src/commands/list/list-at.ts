/** What the list commands share: the list under a key argument, and which end is meant. */
import { ValueType } from '../../keyspace/keyspace.js';
import { ListValue } from '../../keyspace/types/list-value.js';
import type { Argv } from '../../resp/argv.js';
import { SYNTAX_ERROR, WRONG_TYPE } from '../arguments.js';
import { type CommandContext, CommandError } from '../spec.js';

export type ListEnd = 'head' | 'tail';

/** For a command that changes it. null: no such key. Throws WRONGTYPE. */
export function findList(ctx: CommandContext, i: number): ListValue | null {
  const entry = ctx.db.find(ctx.argv, i);
  if (entry === null) return null;
  if (entry.type !== ValueType.list) throw new CommandError(WRONG_TYPE);
  return entry.object as ListValue;
}

/** For a command that shows it. null: no such key. Throws WRONGTYPE. */
export function readList(ctx: CommandContext, i: number): ListValue | null {
  const entry = ctx.db.read(ctx.argv, i);
  if (entry === null) return null;
  if (entry.type !== ValueType.list) throw new CommandError(WRONG_TYPE);
  return entry.object as ListValue;
}

/** To be called before the list under key argument i is changed in place. */
export function beforeChange(ctx: CommandContext, i: number): void {
  const entry = ctx.db.find(ctx.argv, i);
  if (entry !== null) ctx.db.changeObject(entry);
}

/** Pushes arguments first..last to the list under key argument i, which is made where it is missing. */
export function push(ctx: CommandContext, i: number, end: ListEnd, first: number, last: number): ListValue {
  const { argv } = ctx;
  const found = findList(ctx, i);
  const list = found ?? new ListValue();
  if (found === null) ctx.db.setObject(argv, i, ValueType.list, list);
  else beforeChange(ctx, i);
  for (let j = first; j <= last; j++) pushBytes(list, end, argv.bytes, argv.start(j), argv.end(j));
  ctx.touch(i);
  return list;
}

export function pushBytes(list: ListValue, end: ListEnd, bytes: Buffer, from: number, to: number): void {
  if (end === 'head') list.pushHead(bytes, from, to);
  else list.pushTail(bytes, from, to);
}

/** After elements went from the list under key argument i: an empty list is no key. */
export function afterRemoval(ctx: CommandContext, i: number, list: ListValue): void {
  if (list.length === 0) {
    const entry = ctx.db.find(ctx.argv, i);
    if (entry !== null) ctx.db.remove(entry);
  }
  ctx.touch(i);
}

/** LEFT or RIGHT. */
export function endArgument(argv: Argv, i: number): ListEnd {
  if (argv.is(i, 'LEFT')) return 'head';
  if (argv.is(i, 'RIGHT')) return 'tail';
  throw new CommandError(SYNTAX_ERROR);
}

/** First index and number of elements that start and stop mean, both inclusive, negative from the end. Count 0: none. */
export function range(length: number, start: number, stop: number): { first: number; count: number } {
  const first = Math.max(start < 0 ? length + start : start, 0);
  const last = Math.min(stop < 0 ? length + stop : stop, length - 1);
  return { first, count: Math.max(last - first + 1, 0) };
}
