/**
 * The data exactly as it was at the cut, while writes go on, without a copy of it.
 *
 * The walk goes over the databases as they were at the cut, by the numbers of their entries: these do not change while there is
 * a walk, whatever the index does. It skips what is stamped (made, changed or visited since the cut) and stamps what it
 * visits. Whoever changes an entry that is not stamped hands its image in first (snapshot-gate.ts); those images wait in the side
 * buffer and are visited before the walk goes on. A value that is no string is visited from there too, so that what its changes cost
 * while it is being written is counted whichever came first. A database that SWAPDB renames keeps the number it had; one that FLUSHDB
 * takes away is walked to its end.
 */
import { EntryCursor } from './entry-cursor.js';
import { ALIVE, ENTRIES_PER_PAGE, META, STAMP_SHIFT } from './entry-table.js';
import type { EntryImage, ImageVisitor, KeyspaceSnapshot, SnapshotCounters, SnapshotOptions } from './keyspace.js';
import type { MemoryDatabase } from './memory-database.js';
import { SideBuffer } from './side-buffer.js';
import type { ImageSink, SnapshotGate } from './snapshot-gate.js';

const DEFAULT_BUDGET_MS = 1;
/** The clock is read after so much work: an image costs COST_IMAGE and one for each of so many bytes, a skipped record costs 1. */
const COST_PER_LOOK = 256;
const COST_IMAGE = 16;
const BYTES_PER_COST = 64;

interface Place {
  readonly db: number;
  readonly cursor: EntryCursor;
  readonly database: MemoryDatabase;
  /** Pages of records beyond these were not there at the cut. */
  readonly pages: number;
}

export class VersionedSnapshot implements KeyspaceSnapshot, ImageSink {
  private readonly side = new SideBuffer();
  /** What is still to be walked, the current one last. */
  private readonly places: Place[] = [];
  private page = 0;
  private slot = 0;
  private keysTotal = 0;
  private keysDone = 0;
  private hasEnded = false;
  private isOverLimit = false;
  private isPaused = false;
  private imagesBeforeWrite = 0;

  constructor(
    databases: readonly MemoryDatabase[],
    private readonly gate: SnapshotGate,
    private readonly options: SnapshotOptions,
  ) {
    for (const database of databases) {
      database.idAtCut = database.id;
      this.keysTotal += database.size;
      const { store } = database;
      const place = { db: database.id, cursor: new EntryCursor(store), database, pages: store.entries.pages.pageCount };
      if (database.size > 0) this.places.unshift(place);
    }
    this.side.onGrown = () => this.lookAtLimit();
  }

  get counters(): SnapshotCounters {
    const { side } = this;
    return {
      keysTotal: this.keysTotal,
      keysDone: this.keysDone,
      imagesBeforeWrite: this.imagesBeforeWrite,
      imageBytes: side.pushedBytes,
      sideBytes: side.heldBytes,
      sideBytesPeak: side.peakBytes,
    };
  }

  get isFull(): boolean {
    return this.side.grownBytes >= this.options.sideBufferBytes;
  }

  push(db: number, entry: EntryCursor, isLeaving: boolean): void {
    this.imagesBeforeWrite++;
    this.side.push(db, entry, isLeaving);
  }

  next(visit: ImageVisitor, budgetMs = DEFAULT_BUDGET_MS): boolean {
    if (this.hasEnded) return true;
    this.isPaused = false;
    const { clock } = this.options;
    const endsAtMs = clock.monotonicMs() + budgetMs;
    for (;;) {
      let left = this.drain(visit, COST_PER_LOOK);
      while (left > 0) {
        const place = this.places[this.places.length - 1];
        if (place === undefined) {
          this.end();
          return true;
        }
        left = this.walk(place, visit, left);
      }
      if (this.isPaused || clock.monotonicMs() >= endsAtMs) return false;
    }
  }

  pause(): void {
    this.isPaused = true;
  }

  abort(): void {
    if (!this.hasEnded) this.end();
  }

  /** Returns what is left of `cost`; more than 0: nothing waits any more. */
  private drain(visit: ImageVisitor, cost: number): number {
    const { side } = this;
    let left = cost;
    while (left > 0 && side.take()) {
      visit(side.db, side.image);
      this.keysDone++;
      left = this.isPaused ? 0 : left - costOf(side.image);
    }
    if (!this.isFull) this.isOverLimit = false;
    return left;
  }

  private lookAtLimit(): void {
    if (this.isOverLimit || !this.isFull) return;
    this.isOverLimit = true;
    this.options.onFull?.();
  }

  /** Goes on in this database; returns what is left of `cost`. */
  private walk(place: Place, visit: ImageVisitor, cost: number): number {
    const { entries } = place.database.store;
    const { version } = this.gate;
    let left = cost;
    for (; this.page < place.pages; this.page++, this.slot = 0) {
      const words = entries.pages.words[this.page] as Int32Array;
      for (; this.slot < entries.touchedOf(this.page); this.slot++) {
        if (left <= 0) return left;
        left--;
        const n = this.page * ENTRIES_PER_PAGE + this.slot;
        const meta = words[entries.at(n) + META] as number;
        if ((meta & ALIVE) === 0 || meta >>> STAMP_SHIFT === version) continue;
        const entry = place.cursor.point(n);
        entries.setStamp(n, version);
        if (entry.object === null) {
          visit(place.db, entry);
          this.keysDone++;
          left = this.isPaused ? 0 : left - costOf(entry);
        } else {
          this.side.push(place.db, entry, false);
          left = this.drain(visit, left);
        }
      }
    }
    this.page = 0;
    this.places.pop();
    return left;
  }

  private end(): void {
    this.hasEnded = true;
    this.places.length = 0;
    this.side.clear();
    this.gate.close();
  }
}

function costOf(image: EntryImage): number {
  return COST_IMAGE + (image.end - image.start) / BYTES_PER_COST;
}
