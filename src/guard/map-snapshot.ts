/**
 * The content of Maps at one moment, walked in slices while they change.
 *
 * A Map's iterator visits what is there when it comes by: entries added later too, and not those that are gone. So every Map has a set
 * of the keys that are settled: walked already, or touched since the cut. Who touches a key that is not settled hands in its
 * image first; a key that was not there has none, and is never shown. What came is counted: where it is not as many keys as there were
 * at the cut, a write went by without touch(), and the walk throws instead of ending with a base that nobody's data ever was.
 */
import type { Arg } from '../backend/backend.js';
import { AofError } from '../errors.js';
import type { SnapshotReader } from '../host.js';
import { KeptImages } from './kept-images.js';

/**
 * Emits the commands that make one entry from nothing. A generator may `yield` between the commands of a large value, and the walk
 * pauses there. If it pauses and the key is touched, the rest is taken at once, before the value changes.
 */
export type EncodeEntry<K, V> = (key: K, value: V, emit: (...argv: Arg[]) => void, db: number) => unknown;

type Emit = (db: number, ...argv: Arg[]) => void;

/** One Map as it was at the cut, whatever number its database has by now. */
interface Place<K, V> {
  readonly db: number;
  readonly map: ReadonlyMap<K, V>;
  readonly entries: Iterator<[K, V]>;
  readonly settled: Set<K>;
  /** Keys at the cut. */
  readonly total: number;
  /** How many of them neither the walk nor a touch has brought yet. */
  missing: number;
}

export interface MapSnapshotOptions<K, V> {
  readonly databases: ReadonlyArray<readonly [db: number, map: ReadonlyMap<K, V>]>;
  readonly encode: EncodeEntry<K, V>;
  readonly imageBytesMax: number;
  readonly ended: () => void;
}

export class MapSnapshot<K, V> implements SnapshotReader {
  readonly #options: MapSnapshotOptions<K, V>;
  readonly #places = new Map<ReadonlyMap<K, V>, Place<K, V>>();
  readonly #images = new KeptImages();
  readonly #keysTotal: number;
  #keysDone = 0;
  /** The value in the middle of which the walk pauses. */
  #unfinished: {
    readonly map: ReadonlyMap<K, V>;
    readonly key: K;
    readonly db: number;
    readonly rest: Iterator<unknown>;
  } | null = null;
  /** Where commands go now: to the slice at hand, or to the images. */
  #emit: Emit = () => {};
  #failure: unknown = null;

  constructor(options: MapSnapshotOptions<K, V>) {
    this.#options = options;
    let total = 0;
    for (const [db, map] of options.databases) {
      if (this.#places.has(map)) throw new TypeError(`database ${db} is the same Map as another one`);
      this.#places.set(map, { db, map, entries: map.entries(), settled: new Set(), total: map.size, missing: map.size });
      total += map.size;
    }
    this.#keysTotal = total;
  }

  /** Before this key of this Map is written, whether it is there or not. Never throws: what goes wrong ends the walk. */
  touch(map: ReadonlyMap<K, V>, key: K): void {
    if (this.#failure !== null) return;
    if (this.#unfinished?.map === map && sameKey(this.#unfinished.key, key)) this.#keep(() => this.#finishValue());
    const place = this.#places.get(map);
    if (place === undefined || place.settled.has(key)) return;
    if (map.has(key)) this.#keep(() => this.#begin(place, key, map.get(key) as V, true));
    else place.settled.add(key);
  }

  /** Before this Map is emptied: the image of everything that has not been walked. */
  touchAll(map: ReadonlyMap<K, V>): void {
    if (this.#unfinished?.map === map) this.#keep(() => this.#finishValue());
    const place = this.#places.get(map);
    for (const key of map.keys()) {
      if (place === undefined || place.missing === 0 || this.#failure !== null) return;
      this.touch(map, key);
    }
  }

  next(emit: Emit, budget: { isSpent(): boolean }): boolean {
    this.#emit = emit;
    let isDone: boolean;
    do {
      if (this.#failure !== null) throw this.#failure;
      isDone = this.#step(emit);
    } while (!isDone && !budget.isSpent());
    return isDone;
  }

  progress(): { keysDone: number; keysTotal: number; imageBytes: number } {
    return { keysDone: this.#keysDone, keysTotal: this.#keysTotal, imageBytes: this.#images.keptBytes };
  }

  waitingBytes(): number {
    return this.#images.pendingBytes;
  }

  end(): void {
    this.#letGo();
    this.#options.ended();
  }

  /** One command or one entry; true when nothing is left. */
  #step(emit: Emit): boolean {
    const kept = this.#images.shift();
    if (kept !== null) {
      emit(kept.db, ...kept.argv);
    } else if (this.#unfinished !== null) {
      if (this.#unfinished.rest.next().done === true) this.#unfinished = null;
    } else {
      const [place] = this.#places.values();
      if (place === undefined) return true;
      this.#walk(place);
    }
    return this.#unfinished === null && this.#places.size === 0 && this.#images.pendingBytes === 0;
  }

  #walk(place: Place<K, V>): void {
    if (place.missing === 0) {
      this.#places.delete(place.map);
      return;
    }
    const { done, value: entry } = place.entries.next();
    if (done === true) throw this.#fail(untouched(place));
    const [key, value] = entry;
    if (!place.settled.has(key)) this.#begin(place, key, value, false);
  }

  /** The entry's commands; to its end, or until the generator's first pause. */
  #begin(place: Place<K, V>, key: K, value: V, toTheEnd: boolean): void {
    const { map, db } = place;
    place.settled.add(key);
    place.missing--;
    this.#keysDone++;
    const rest = this.#options.encode(key, value, (...argv) => this.#emit(db, ...argv), db);
    if (!isIterator(rest)) return;
    if (toTheEnd) drain(rest);
    else if (rest.next().done !== true) this.#unfinished = { map, key, db, rest };
  }

  #finishValue(): void {
    if (this.#unfinished === null) return;
    const { rest } = this.#unfinished;
    this.#unfinished = null;
    drain(rest);
  }

  /** What `encode` emits meanwhile is kept. */
  #keep(encode: () => void): void {
    const emit = this.#emit;
    this.#emit = (db, ...argv) => this.#keepCommand(db, argv);
    try {
      encode();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#emit = emit;
    }
  }

  #keepCommand(db: number, argv: readonly Arg[]): void {
    if (this.#failure !== null) return;
    this.#images.push(db, argv);
    const { imageBytesMax } = this.#options;
    if (this.#images.pendingBytes > imageBytesMax) this.#fail(tooManyImages(imageBytesMax));
  }

  /** The walk is over; next() throws this. */
  #fail(error: unknown): unknown {
    this.#failure = error;
    this.#letGo();
    return error;
  }

  #letGo(): void {
    this.#places.clear();
    this.#images.clear();
    this.#unfinished = null;
  }
}

/** As a Map compares its keys. */
function sameKey(a: unknown, b: unknown): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}

function isIterator(value: unknown): value is Iterator<unknown> {
  return typeof value === 'object' && value !== null && 'next' in value && typeof value.next === 'function';
}

function drain(rest: Iterator<unknown>): void {
  while (rest.next().done !== true);
}

function untouched({ db, missing, total }: Place<unknown, unknown>): TypeError {
  return new TypeError(
    `database ${db} had ${total} keys when the snapshot began, and ${total - missing} came: it was written without touch() before, so the base would not be the data of any moment`,
  );
}

function tooManyImages(limit: number): AofError {
  return new AofError(
    'AOF_BUSY',
    `writes came so fast that more than ${limit} bytes of before-images wait for the walk: the rewrite was given up, nothing is lost. Try again with fewer writes, or raise imageBytesMax`,
  );
}
