/**
 * What a power loss at this moment may leave of a disk. For each file with un-synced changes: none of them, all, each prefix, each
 * single one lost, each write torn at sector and page boundaries and at a byte, the size grown with zeros in place of data, a page
 * missing with good ones behind it. For the directory entries: all subsets of the un-synced steps when they are few, else each
 * prefix, each single one kept or lost, and samples. Combined so that each state of one meets nothing and everything of the
 * others, and by samples. Deterministic for a seed; bounded by `imagesMax`; every image is a legal outcome, not every legal outcome is here.
 */
import { Random } from '../seeded-random.js';
import { type Disk, type EntryChange, imageTree } from './disk.js';
import { Content, Image } from './image.js';
import { applyChanges, type DataChange, type Inode } from './inode.js';

export interface CrashStatesOptions {
  /** Default 1. The number of the operation is mixed in. */
  readonly seed?: number;
  /** Default 200. */
  readonly imagesMax?: number;
  /** Of one file; default 48. */
  readonly dataStatesMax?: number;
  /**
   * Bytes of a file reach the disk in their order: nothing good stands behind what is missing. Default false. For formats that cannot
   * tell zeros inside a value from a value of zeros.
   */
  readonly isOrdered?: boolean;
}

const SECTOR = 512;
const PAGE = 4096;
/** All subsets up to so many un-synced steps. */
const SUBSETS_OF_MAX = 4;
const ENTRY_SAMPLES = 8;
const TEARS_PER_WRITE = 4;

interface State<T> {
  readonly how: string;
  readonly value: T;
}

/** Each image once; the first one is what is certain and nothing else. */
export function* crashStates(disk: Disk, options: CrashStatesOptions = {}): Generator<Image> {
  const { seed = 1, imagesMax = 200, dataStatesMax = 48, isOrdered = false } = options;
  const random = new Random(seed * 7919 + disk.when);
  const entries = entryStates(disk, random);
  const files = openFiles(disk).map((inode) => ({ inode, states: dataStates(inode, random, dataStatesMax, isOrdered) }));
  const seen = new Set<string>();
  for (const { entry, data } of combinations(entries, files, random)) {
    if (seen.size >= imagesMax) return;
    const how = [entry.how, ...[...data].map(([inode, { how }]) => `#${inode.ino} ${how}`)].join('; ');
    const image = new Image(
      imageTree(entry.value, (inode) => data.get(inode)?.value ?? certain(inode)),
      how,
    );
    if (seen.has(image.hash)) continue;
    seen.add(image.hash);
    yield image;
  }
}

type EntryState = State<Map<string, Inode>>;
type DataState = State<Content>;

function* combinations(
  entries: readonly EntryState[],
  files: ReadonlyArray<{ inode: Inode; states: readonly DataState[] }>,
  random: Random,
): Generator<{ entry: EntryState; data: Map<Inode, DataState> }> {
  const pick = (choose: (states: readonly DataState[]) => DataState) =>
    new Map(files.map(({ inode, states }) => [inode, choose(states)]));
  const none = () => pick((states) => states[0] as DataState);
  const all = () => pick((states) => states[1] as DataState);
  const sample = () => pick((states) => random.pick(states));
  const [nothing, everything] = entries as [EntryState, EntryState];
  for (const entry of entries) for (const data of [none(), all()]) yield { entry, data };
  // In random order, so that a small bound takes some of each kind.
  const each = shuffled(
    files.flatMap(({ inode, states }) => states.map((state) => ({ inode, state }))),
    random,
  );
  for (const { inode, state } of each) yield { entry: everything, data: none().set(inode, state) };
  for (const { inode, state } of each) yield { entry: everything, data: all().set(inode, state) };
  if (files.length > 1) for (const _ of each) yield { entry: everything, data: sample() };
  if (everything === nothing) return;
  for (const { inode, state } of each) yield { entry: nothing, data: none().set(inode, state) };
  for (const _ of each) yield { entry: random.pick(entries), data: sample() };
}

/** Nothing first, everything second. */
function entryStates({ durable, entryChanges }: Disk, random: Random): EntryState[] {
  const count = entryChanges.length;
  const state = (how: string, isKept: (i: number) => boolean): EntryState => ({
    how,
    value: entriesAfter(durable, entryChanges, isKept),
  });
  const name = (i: number) => (entryChanges[i] as EntryChange).what;
  const nothing = state('no entry', () => false);
  if (count === 0) return [nothing, nothing];
  const states = [nothing, state('all entries', () => true)];
  if (count <= SUBSETS_OF_MAX) {
    for (let mask = 1; mask < 2 ** count - 1; mask++) {
      const isKept = (i: number) => (mask & (1 << i)) !== 0;
      states.push(state(`entries: ${entryChanges.map((_, i) => (isKept(i) ? name(i) : '-')).join(', ')}`, isKept));
    }
    return states;
  }
  for (let i = 0; i < count; i++) {
    states.push(state(`entries up to ${name(i)}`, (at) => at <= i));
    states.push(state(`all entries but ${name(i)}`, (at) => at !== i));
    states.push(state(`only the entry ${name(i)}`, (at) => at === i));
  }
  for (let i = 0; i < ENTRY_SAMPLES; i++) {
    const kept = entryChanges.map(() => random.chance(0.5));
    states.push(state(`entries ${kept.map((k) => (k ? '+' : '-')).join('')}`, (at) => kept[at] === true));
  }
  return states;
}

function entriesAfter(
  durable: ReadonlyMap<string, Inode>,
  changes: readonly EntryChange[],
  isKept: (i: number) => boolean,
): Map<string, Inode> {
  const entries = new Map(durable);
  for (const [i, { sets }] of changes.entries()) {
    if (!isKept(i)) continue;
    for (const [path, inode] of sets) {
      if (inode === null) entries.delete(path);
      else entries.set(path, inode);
    }
  }
  return entries;
}

/** Files whose bytes are not all certain. */
function openFiles(disk: Disk): Inode[] {
  const inodes = new Set([...disk.durable.values(), ...disk.live.values()]);
  for (const { sets } of disk.entryChanges) for (const inode of sets.values()) if (inode !== null) inodes.add(inode);
  return [...inodes].filter((inode) => inode.changes.some(({ state }) => state !== 'settled'));
}

/** Nothing first, everything second. */
function dataStates(inode: Inode, random: Random, max: number, isOrdered: boolean): DataState[] {
  const { base, changes } = inode;
  const open = changes.filter(({ state }) => state !== 'settled');
  const state = (how: string, become: (change: DataChange, i: number) => readonly DataChange[]): DataState => {
    let i = 0;
    const made = changes.flatMap((change) => (change.state === 'settled' ? [change] : become(change, i++)));
    return { how, value: new Content(applyChanges(base, made)) };
  };
  const states = [state('nothing', () => []), state('everything', (change) => [change])];
  const more: Array<() => DataState> = [];
  for (let i = 0; i < open.length; i++) {
    const change = open[i] as DataChange;
    if (i > 0) more.push(() => state(`the first ${i}`, (c, at) => (at < i ? [c] : [])));
    if (!isOrdered) more.push(() => state(`all but ${i}`, (c, at) => (at === i ? [] : [c])));
    if (change.kind !== 'write') continue;
    const { bytes } = change;
    const zeros: DataChange = { ...change, bytes: Buffer.alloc(bytes.length) };
    more.push(() => state(`zeros as ${i}`, (c, at) => (at < i ? [c] : at === i ? [zeros] : [])));
    if (!isOrdered) more.push(() => state(`zeros as ${i}, more behind`, (c, at) => (at === i ? [zeros] : [c])));
    for (const tear of tearsOf(change.at, bytes.length, random)) {
      const head: DataChange = { ...change, bytes: bytes.subarray(0, tear) };
      const tail: DataChange = { ...change, at: change.at + tear, bytes: bytes.subarray(tear) };
      const grown: DataChange = { ...zeros, bytes: Buffer.concat([head.bytes, Buffer.alloc(bytes.length - tear)]) };
      more.push(() => state(`torn at ${tear} of ${i}`, (c, at) => (at < i ? [c] : at === i ? [head] : [])));
      more.push(() => state(`zeros from ${tear} of ${i}`, (c, at) => (at < i ? [c] : at === i ? [grown] : [])));
      if (!isOrdered) more.push(() => state(`the end of ${i} from ${tear}, more behind`, (c, at) => (at === i ? [tail] : [c])));
    }
    for (const { start, end } of isOrdered ? [] : holesOf(change.at, bytes.length, random)) {
      const before: DataChange = { ...change, bytes: bytes.subarray(0, start) };
      const behind: DataChange = { ...change, at: change.at + end, bytes: bytes.subarray(end) };
      more.push(() => state(`a hole ${start}-${end} in ${i}`, (c, at) => (at === i ? [before, behind] : [c])));
    }
  }
  while (more.length > max - 2) more.splice(random.below(more.length), 1);
  return [...states, ...more.map((make) => make())];
}

/** Where a write at this offset may be torn, from its own start: page and sector boundaries of the file, and one byte. */
function tearsOf(at: number, length: number, random: Random): number[] {
  const tears = new Set<number>();
  for (const unit of [PAGE, SECTOR]) {
    const first = unit - (at % unit);
    if (first >= length) continue;
    const count = Math.ceil((length - first) / unit);
    tears
      .add(first)
      .add(first + (count - 1) * unit)
      .add(first + random.below(count) * unit);
  }
  const some = [...tears];
  while (some.length > TEARS_PER_WRITE) some.splice(random.below(some.length), 1);
  if (length > 1) some.push(random.between(1, length - 1));
  return some;
}

/** Whole pages, or sectors where there is none, that may be missing: the first one and another. More of the write is behind each. */
function holesOf(at: number, length: number, random: Random): Array<{ start: number; end: number }> {
  for (const unit of [PAGE, SECTOR]) {
    const first = at % unit === 0 ? 0 : unit - (at % unit);
    const whole = Math.floor((length - first - 1) / unit);
    if (whole < 1) continue;
    const starts = new Set([first, first + random.between(whole > 1 ? 1 : 0, whole - 1) * unit]);
    return [...starts].map((start) => ({ start, end: start + unit }));
  }
  return [];
}

export function shuffled<T>(items: T[], random: Random): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const k = random.below(i + 1);
    [items[i], items[k]] = [items[k] as T, items[i] as T];
  }
  return items;
}

/** Contents without open changes, made once. */
const CERTAIN = new WeakMap<Inode, { base: Buffer; changes: number; content: Content }>();

function certain(inode: Inode): Content {
  const known = CERTAIN.get(inode);
  if (known !== undefined && known.base === inode.base && known.changes === inode.changes.length) return known.content;
  const content = new Content(
    applyChanges(
      inode.base,
      inode.changes.filter(({ state }) => state === 'settled'),
    ),
  );
  CERTAIN.set(inode, { base: inode.base, changes: inode.changes.length, content });
  return content;
}
