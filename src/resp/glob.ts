/**
 * Redis's glob patterns over bytes: `*`, `?`, `[abc]`, `[^a-z]`, `\` in front of a byte that is to be itself. A class without
 * its closing bracket ends with the pattern.
 */
const STAR = 42;
const QUESTION = 63;
const OPEN = 91;
const CLOSE = 93;
const BACKSLASH = 92;
const CARET = 94;
const DASH = 45;

/** Whether bytes[start, end) matches. Time is at most proportional to the product of both lengths. */
export function matchGlob(pattern: Uint8Array, bytes: Uint8Array, start: number, end: number, ignoreCase = false): boolean {
  // Redis looks at no pattern where there is no text: nothing but a lone star matches an empty key (KEYS and SCAN take it for "all").
  if (start === end) return pattern.length === 0 || (pattern.length === 1 && pattern[0] === STAR);
  let p = 0;
  let s = start;
  // Where to go on when the part behind the last star fails: one byte further.
  let afterStar = -1;
  let starSpan = start;
  while (s < end) {
    const c = pattern[p];
    if (c === STAR) {
      afterStar = ++p;
      starSpan = s;
      if (p === pattern.length) return true;
      continue;
    }
    const next = p < pattern.length ? matchOne(pattern, p, bytes[s] as number, ignoreCase) : -1;
    if (next >= 0) {
      p = next;
      s++;
    } else if (afterStar >= 0) {
      p = afterStar;
      s = ++starSpan;
    } else return false;
  }
  while (pattern[p] === STAR) p++;
  return p >= pattern.length;
}

/** Position in the pattern after the one element at `p`, or -1 when it does not match this byte. */
function matchOne(pattern: Uint8Array, p: number, byte: number, ignoreCase: boolean): number {
  const c = pattern[p] as number;
  if (c === QUESTION) return p + 1;
  if (c === OPEN) return matchClass(pattern, p, byte, ignoreCase);
  const isEscape = c === BACKSLASH && p + 1 < pattern.length;
  const literal = isEscape ? (pattern[p + 1] as number) : c;
  if (fold(literal, ignoreCase) !== fold(byte, ignoreCase)) return -1;
  return isEscape ? p + 2 : p + 1;
}

function matchClass(pattern: Uint8Array, open: number, byte: number, ignoreCase: boolean): number {
  const subject = fold(byte, ignoreCase);
  const isNegated = pattern[open + 1] === CARET;
  let p = isNegated ? open + 2 : open + 1;
  let found = false;
  for (; p < pattern.length && pattern[p] !== CLOSE; p++) {
    if (pattern[p] === BACKSLASH && p + 1 < pattern.length) {
      p++;
      if (pattern[p] === byte) found = true;
    } else if (pattern[p + 1] === DASH && p + 2 < pattern.length) {
      const a = fold(pattern[p] as number, ignoreCase);
      const b = fold(pattern[p + 2] as number, ignoreCase);
      if (subject >= Math.min(a, b) && subject <= Math.max(a, b)) found = true;
      p += 2;
    } else if (fold(pattern[p] as number, ignoreCase) === subject) found = true;
  }
  if (found === isNegated) return -1;
  return Math.min(p + 1, pattern.length);
}

function fold(byte: number, ignoreCase: boolean): number {
  return ignoreCase && byte >= 65 && byte <= 90 ? byte + 32 : byte;
}
