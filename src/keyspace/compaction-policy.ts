/**
 * When memory is worth compacting, and how far at once. A fraction of the pages is emptied at a time, because what is moved is
 * there twice until its old page is empty.
 */

/** Waste below this is never worth the work. */
const TOLERATED_BYTES = 256 * 1024;
/** Share of the need that may be wasted. */
const TOLERATED_SHARE = 0.1;
/** Pages emptied at once hold at most this share of what is held. */
const ROUND_SHARE = 0.1;
const ROUND_BYTES_MIN = 1024 * 1024;
/** Pages are sorted by how full they are into so many levels; those of the highest stay. */
const LEVELS = 20;

export function isWorthCompacting(heldBytes: number, idealBytes: number): boolean {
  return heldBytes - idealBytes > TOLERATED_BYTES + idealBytes * TOLERATED_SHARE;
}

/** Bytes in use that the pages chosen for one round may hold. */
export function roundBytes(heldBytes: number): number {
  return Math.max(ROUND_BYTES_MIN, heldBytes * ROUND_SHARE);
}

export interface PageUse {
  readonly pageCount: number;
  usedBytesOf(page: number): number;
  touchedBytesOf(page: number): number;
}

/**
 * Which pages to empty: the sparsest first, as long as what they hold stays within `limit`. Nearly full ones stay, and so does
 * what a page has not touched yet.
 */
export function choosePages(pages: PageUse, limit: number): number[] {
  const levels: number[][] = Array.from({ length: LEVELS }, () => []);
  for (let page = 0; page < pages.pageCount; page++) {
    const level = Math.floor((pages.usedBytesOf(page) * LEVELS) / pages.touchedBytesOf(page));
    // NaN for a page that was given back.
    if (level < LEVELS - 1) (levels[level] as number[]).push(page);
  }
  const chosen: number[] = [];
  let sum = 0;
  for (const page of levels.flat()) {
    sum += pages.usedBytesOf(page);
    if (sum > limit && chosen.length > 0) break;
    chosen.push(page);
  }
  return chosen;
}
