/**
 * Where a database's pages come from and go back to. Past the first few they are parts of regions that are larger than anything
 * malloc keeps for reuse, so a region that nobody uses any more really goes back to the operating system.
 *
 * A page that is given back stays resident until its whole region is: so the fullest region serves first, and where too much lies idle the
 * emptiest one is drained, page by page, into the others (see drainStep).
 */

export const PAGE_BYTES = 256 * 1024;
/** So many pages are allocated one by one: a small database reserves little. */
const SINGLE_PAGES = 32;
/** glibc maps what is larger than 32 MiB by itself, always. */
const REGION_PAGES = (32 * 1024 * 1024) / PAGE_BYTES + 2;
/** Idle pages that are tolerated: so many, and a share of those in use. */
const IDLE_PAGES = 8;
const IDLE_SHARE = 0.06;

/** Who holds a page, and can be told to hold another one instead. */
export interface PageOwner {
  moveTo(page: number, memory: PageMemory): void;
}

export interface PageMemory {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly region: Region;
  /** null: nobody. */
  owner: PageOwner | null;
  /** The owner's number for it. */
  page: number;
}

export interface Region {
  readonly memory: Buffer;
  readonly capacity: number;
  /** Every page of it that was ever handed out. */
  readonly pages: PageMemory[];
  readonly idle: PageMemory[];
}

export class PagePool {
  private readonly regions: Region[] = [];
  private current: Region | null = null;
  private draining: Region | null = null;
  private singleCount = 0;
  /** Pages in use, and pages that were used and are not. */
  private usedCount = 0;
  private idleCount = 0;

  /** Bytes that are resident and idle. */
  get idleBytes(): number {
    return this.idleCount * PAGE_BYTES;
  }

  take(owner: PageOwner, page: number): PageMemory {
    if (this.current === null || !hasRoom(this.current)) this.current = this.fullestWithRoom() ?? this.openRegion();
    const region = this.current;
    let memory = region.idle.pop();
    if (memory === undefined) {
      const start = region.pages.length * PAGE_BYTES;
      const bytes = region.memory.subarray(start, start + PAGE_BYTES);
      memory = { bytes, words: new Int32Array(bytes.buffer, bytes.byteOffset, PAGE_BYTES / 4), region, owner: null, page: 0 };
      region.pages.push(memory);
    } else this.idleCount--;
    memory.owner = owner;
    memory.page = page;
    this.usedCount++;
    return memory;
  }

  give(memory: PageMemory): void {
    const { region } = memory;
    memory.owner = null;
    region.idle.push(memory);
    this.usedCount--;
    this.idleCount++;
    // One page that is its own region is kept, so that swinging around an edge does not allocate each time.
    if (region.idle.length === region.pages.length && !(region.capacity === 1 && this.idleCount === 1)) this.drop(region);
  }

  /** Moves one page out of a region that is being drained. False: nothing wants draining. */
  drainStep(): boolean {
    if (this.draining === null) {
      if (this.idleCount <= IDLE_PAGES + this.usedCount * IDLE_SHARE) return false;
      this.draining = this.emptiest();
      if (this.draining === null) return false;
      if (this.current === this.draining) this.current = null;
    }
    const from = this.draining.pages.find(({ owner }) => owner !== null);
    if (from?.owner === null || from === undefined) {
      this.draining = null;
      return false;
    }
    const { owner, page } = from;
    const to = this.take(owner, page);
    to.bytes.set(from.bytes);
    owner.moveTo(page, to);
    this.give(from);
    return true;
  }

  private fullestWithRoom(): Region | null {
    let best: Region | null = null;
    for (const region of this.regions) {
      if (region === this.draining || !hasRoom(region)) continue;
      if (best === null || usedOf(region) > usedOf(best)) best = region;
    }
    return best;
  }

  /** Of the large ones. */
  private emptiest(): Region | null {
    let best: Region | null = null;
    for (const region of this.regions) {
      if (region.capacity === 1 || region.idle.length === 0) continue;
      if (best === null || usedOf(region) / region.pages.length < usedOf(best) / best.pages.length) best = region;
    }
    return best;
  }

  private openRegion(): Region {
    const capacity = this.singleCount < SINGLE_PAGES ? 1 : REGION_PAGES;
    if (capacity === 1) this.singleCount++;
    const region: Region = { memory: Buffer.allocUnsafeSlow(capacity * PAGE_BYTES), capacity, pages: [], idle: [] };
    this.regions.push(region);
    return region;
  }

  private drop(region: Region): void {
    if (region.capacity === 1) this.singleCount--;
    this.idleCount -= region.idle.length;
    if (this.current === region) this.current = null;
    if (this.draining === region) this.draining = null;
    this.regions.splice(this.regions.indexOf(region), 1);
  }
}

function hasRoom(region: Region): boolean {
  return region.idle.length > 0 || region.pages.length < region.capacity;
}

function usedOf(region: Region): number {
  return region.pages.length - region.idle.length;
}
