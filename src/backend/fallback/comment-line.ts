/** Lines that begin with `#` and are no annotations. */

/** A `#` line of plain RESP, its newline included: what Redis reads as one line. */
export const maxCommentBytes = 1023;

const HASH = 35;
const TAB = 9;
const LF = 10;
const CR = 13;
const secondsDigitsMax = 15;

/** The `#TS:<seconds>\r\n` line that begins at `at` and ends (`end`) at or before `limit`; null when there is none. */
export function timestampLine(view: Uint8Array, at: number, limit: number): { seconds: number; end: number } | null {
  if (view[at] !== HASH || view[at + 1] !== 84 || view[at + 2] !== 83 || view[at + 3] !== 58) return null;
  const from = at + 4;
  let p = from;
  let seconds = 0;
  for (; p < limit && p - from < secondsDigitsMax; p++) {
    const digit = (view[p] as number) - 48;
    if (digit < 0 || digit > 9 || (p > from && seconds === 0)) break;
    seconds = seconds * 10 + digit;
  }
  if (p === from || p + 2 > limit || view[p] !== CR || view[p + 1] !== LF) return null;
  return { seconds, end: p + 2 };
}

/** Position of the first byte of a `#` line that is neither printable ASCII, a tab nor the CR before its newline; -1: none. */
export function nonText(view: Uint8Array, from: number, newline: number): number {
  for (let p = from; p < newline; p++) {
    const byte = view[p] as number;
    if ((byte < 32 || byte > 126) && byte !== TAB && !(byte === CR && p === newline - 1)) return p;
  }
  return -1;
}
