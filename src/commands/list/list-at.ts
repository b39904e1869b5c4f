/**
 * What the list commands share: the list under a key argument, and which end is meant.
 *
 * A command that changes a list finds it, opens it, changes it and closes it: between open and close a packed list is a copy, and
 * no other list is opened.
 */
import { type Entry, ValueType } from '../../keyspace/keyspace.js';
import { type AnyList, listOf } from '../../keyspace/types/collection-of.js';
import { ListValue } from '../../keyspace/types/list-value.js';
import { itemBytes } from '../../keyspace/types/packed-format.js';
import { PackedList } from '../../keyspace/types/packed-list.js';
import type { Argv } from '../../resp/argv.js';
import { SYNTAX_ERROR, WRONG_TYPE } from '../arguments.js';
import { type CommandContext, CommandError } from '../spec.js';

export type ListEnd = 'head' | 'tail';

/** For a command that changes it. null: no such key. Throws WRONGTYPE. */
export function findList(ctx: CommandContext, i: number): AnyList | null {
  return listIn(ctx.db.find(ctx.argv, i));
}

/** For a command that shows it. null: no such key. Throws WRONGTYPE. */
export function readList(ctx: CommandContext, i: number): AnyList | null {
  return listIn(ctx.db.read(ctx.argv, i));
}

function listIn(entry: Entry | null): AnyList | null {
  if (entry === null) return null;
  if (entry.type !== ValueType.list) throw new CommandError(WRONG_TYPE);
  return listOf(entry);
}

/**
 * To be called before the list under key argument i is changed: by at most so many new elements, whose items take so many bytes.
 * Returns what is to be changed and then closed: `list` itself, whose places stay valid, or what it has become.
 */
export function openList(ctx: CommandContext, i: number, list: AnyList, count = 0, bytes = 0): AnyList {
  if (list instanceof PackedList && list.fits(count, bytes)) {
    list.open();
    return list;
  }
  const entry = ctx.db.find(ctx.argv, i);
  if (entry === null) throw new Error('a list was opened that is not there');
  return list instanceof PackedList ? unpack(ctx, entry, list) : (ctx.db.changeObject(entry) as ListValue);
}

/** After the list under key argument i was changed: an empty list is no key. */
export function closeList(ctx: CommandContext, i: number, list: AnyList): void {
  if (list.length === 0) {
    const entry = ctx.db.find(ctx.argv, i);
    if (entry !== null) ctx.db.remove(entry);
  }
  if (list instanceof PackedList) {
    list.close((bytes, start, end) => {
      const entry = list.length === 0 ? null : ctx.db.find(ctx.argv, i);
      if (entry !== null) ctx.db.replacePacked(entry, bytes, start, end);
    });
  }
  ctx.touch(i);
}

/** After a list was opened for nothing. */
export function leaveList(list: AnyList): void {
  if (list instanceof PackedList) list.close(() => {});
}

/** Pushes arguments first..last to the list under key argument i, which is made where it is missing. Returns its length. */
export function push(ctx: CommandContext, i: number, end: ListEnd, first: number, last: number): number {
  const { argv } = ctx;
  let bytes = 0;
  for (let j = first; j <= last; j++) bytes += itemBytes(argv.length(j));
  return pushItems(ctx, i, last - first + 1, bytes, (list) => {
    for (let j = first; j <= last; j++) pushBytes(list, end, argv.bytes, argv.start(j), argv.end(j));
  });
}

/** As push, for one element that is no argument. */
export function pushElement(ctx: CommandContext, i: number, end: ListEnd, element: Buffer): number {
  return pushItems(ctx, i, 1, itemBytes(element.length), (list) => pushBytes(list, end, element, 0, element.length));
}

/** `add` pushes `count` elements, whose items take so many bytes. */
function pushItems(ctx: CommandContext, i: number, count: number, bytes: number, add: (list: AnyList) => void): number {
  const { argv, db } = ctx;
  const entry = db.find(argv, i);
  const found = listIn(entry);
  let list: AnyList;
  if (found instanceof PackedList && entry !== null) {
    if (found.fits(count, bytes)) {
      found.open();
      add(found);
      found.close((from, start, end) => db.replacePacked(entry, from, start, end));
      list = found;
    } else {
      list = unpack(ctx, entry, found);
      add(list);
    }
  } else if (entry !== null) {
    list = db.changeObject(entry) as ListValue;
    add(list);
  } else {
    const made = PackedList.create();
    const isPacked = made.fits(count, bytes);
    list = isPacked ? made : new ListValue();
    if (isPacked) add(list);
    made.close((from, start, end) => {
      if (isPacked) db.setPacked(argv, i, ValueType.list, from, start, end);
    });
    if (list instanceof ListValue) {
      db.setObject(argv, i, ValueType.list, list);
      add(list);
    }
  }
  ctx.touch(i);
  return list.length;
}

function unpack(ctx: CommandContext, entry: Entry, list: PackedList): ListValue {
  const unpacked = list.unpacked();
  ctx.db.unpack(entry, unpacked);
  return unpacked;
}

export function pushBytes(list: AnyList, end: ListEnd, bytes: Buffer, from: number, to: number): void {
  if (end === 'head') list.pushHead(bytes, from, to);
  else list.pushTail(bytes, from, to);
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
