/**
 * Keeps fragmentation bounded: where keys have gone or values have changed their size, pages stay behind with few slots in use.
 * The sparsest of them are emptied, a little with every change of the database, and given back.
 *
 * Blocks are found through their entries: one round is a sweep over all records that moves the blocks which lie in a chosen
 * page, and those that sit in a larger slot than they need. Records are renumbered page by page, but never under a snapshot's
 * walk, which goes by their numbers. Pages that become free this way lie here and there: the pool gathers them.
 */

import { OWN_BUFFER } from './block-arena.js';
import { choosePages, isWorthCompacting, roundBytes } from './compaction-policy.js';
import type { EntryStore } from './entry-store.js';
import { ALIVE, BLOCK, CLASS_MASK, CLASS_SHIFT, ENTRIES_PER_PAGE, ENTRY_BYTES, KEY_LENGTH, META } from './entry-table.js';
import { pageOf } from './slot-pages.js';

/** Calls between two looks at whether there is something to do, and between two steps of doing it. */
const CALLS_PER_LOOK = 1024;
const CALLS_PER_STEP = 8;
/** What one step does at most. */
const RECORDS_PER_STEP = 128;
const BYTES_PER_STEP = 32 * 1024;
const RENUMBERED_PER_STEP = 32;

export class Compactor {
  /** Blocks and records that were moved so far. */
  movedCount = 0;

  private callsToGo = CALLS_PER_LOOK;
  /** Where the sweep over records is; 0: there is none. */
  private sweepAt = 0;
  private chosen: number[] = [];
  /** The page of records that is being emptied (-1: none), and the next of its records. */
  private recordPage = -1;
  private recordAt = 0;

  constructor(
    private readonly store: EntryStore,
    private readonly mayRenumber: () => boolean,
  ) {}

  /** Called with every change, when no entry's number is in anybody's hand. */
  tick(): void {
    if (--this.callsToGo > 0) return;
    this.callsToGo = this.step() ? CALLS_PER_STEP : CALLS_PER_LOOK;
  }

  /** Some work. False: there is none to do. */
  step(): boolean {
    if (this.store.pool.drainStep()) return true;
    if (this.sweepAt > 0) {
      this.sweep();
      return true;
    }
    if (this.recordPage >= 0 && this.mayRenumber()) {
      this.emptyRecordPage();
      return true;
    }
    return this.beginSweep() || this.beginRecordPage();
  }

  private beginSweep(): boolean {
    const { arena } = this.store;
    const { pages } = arena;
    // Own buffers are exact: only pages count.
    const idealBytes = arena.idealBytes - arena.ownBytes;
    if (!isWorthCompacting(pages.touchedBytes, idealBytes)) return false;
    this.chosen = choosePages(pages, roundBytes(pages.touchedBytes));
    for (const page of this.chosen) pages.evacuate(page);
    this.sweepAt = 1;
    return true;
  }

  private sweep(): void {
    const { entries, arena } = this.store;
    let bytes = 0;
    let n = this.sweepAt;
    for (let left = RECORDS_PER_STEP; left > 0 && bytes < BYTES_PER_STEP; left--, n++) {
      const page = Math.floor(n / ENTRIES_PER_PAGE);
      if (n - page * ENTRIES_PER_PAGE >= entries.touchedOf(page)) {
        if (page + 1 >= entries.pages.pageCount) {
          this.endSweep();
          return;
        }
        n = (page + 1) * ENTRIES_PER_PAGE - 1;
        continue;
      }
      const words = entries.words(n);
      const at = entries.at(n);
      const meta = words[at + META] as number;
      const c = (meta >>> CLASS_SHIFT) & CLASS_MASK;
      if ((meta & ALIVE) === 0 || c === OWN_BUFFER) continue;
      const length = (words[at + KEY_LENGTH] as number) + this.store.inlineLength(n);
      if (!arena.pages.isEvacuating(pageOf(words[at + BLOCK] as number)) && arena.classFor(length) === c) continue;
      this.store.refitBlock(n);
      this.movedCount++;
      bytes += length;
    }
    this.sweepAt = n;
  }

  private endSweep(): void {
    this.sweepAt = 0;
    for (const page of this.chosen) this.store.arena.pages.keep(page);
    this.chosen = [];
  }

  private beginRecordPage(): boolean {
    const { entries } = this.store;
    const { pages } = entries;
    if (!this.mayRenumber() || !isWorthCompacting(pages.touchedBytes, entries.size * ENTRY_BYTES)) return false;
    // The first page stays: it has the number that means none.
    let sparsest = 0;
    for (let page = 1; page < pages.pageCount; page++) {
      const used = pages.usedOf(page);
      if (used > 0 && (sparsest === 0 || used < pages.usedOf(sparsest))) sparsest = page;
    }
    if (sparsest === 0) return false;
    pages.evacuate(sparsest);
    this.recordPage = sparsest;
    this.recordAt = 0;
    return true;
  }

  private emptyRecordPage(): void {
    const { entries } = this.store;
    const page = this.recordPage;
    for (let left = RENUMBERED_PER_STEP; left > 0; ) {
      // Given back as soon as its last record has gone; it may even be in use again.
      if (!entries.pages.isEvacuating(page) || this.recordAt >= entries.touchedOf(page)) {
        entries.pages.keep(page);
        this.recordPage = -1;
        return;
      }
      const n = page * ENTRIES_PER_PAGE + this.recordAt++;
      if ((entries.get(n, META) & ALIVE) === 0) continue;
      this.store.renumber(n);
      this.movedCount++;
      left--;
    }
  }
}
