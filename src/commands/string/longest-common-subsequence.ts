/**
 * The textbook table of lengths: cell (i, j) is the length of the longest common subsequence of the first i bytes of one
 * string and the first j of the other. Reading it backwards gives the bytes, and the runs that are contiguous in both.
 */
export interface LcsMatch {
  readonly aStart: number;
  readonly bStart: number;
  readonly length: number;
}

/** The table may take this much memory: proto-max-bulk-len's default. */
const MAX_TABLE_BYTES = 512 * 1024 * 1024;

/** Matches come last one first, as they are found. null: the table would be too large. */
export function longestCommonSubsequence(a: Uint8Array, b: Uint8Array): { bytes: Buffer; matches: LcsMatch[] } | null {
  const width = b.length + 1;
  const cells = (a.length + 1) * width;
  if (cells * 4 > MAX_TABLE_BYTES) return null;
  const lengths = new Uint32Array(cells);
  const at = (i: number, j: number) => lengths[i * width + j] as number;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      lengths[i * width + j] = a[i - 1] === b[j - 1] ? at(i - 1, j - 1) + 1 : Math.max(at(i - 1, j), at(i, j - 1));
    }
  }
  let left = at(a.length, b.length);
  const bytes = Buffer.alloc(left);
  const matches: LcsMatch[] = [];
  let run: { aStart: number; bStart: number; length: number } | null = null;
  for (let i = a.length, j = b.length; i > 0 && j > 0; ) {
    if (a[i - 1] === b[j - 1]) {
      i--;
      j--;
      bytes[--left] = a[i] as number;
      if (run !== null && run.aStart === i + 1 && run.bStart === j + 1) {
        run.aStart = i;
        run.bStart = j;
        run.length++;
      } else {
        run = { aStart: i, bStart: j, length: 1 };
        matches.push(run);
      }
    } else if (at(i - 1, j) > at(i, j - 1)) i--;
    else j--;
  }
  return { bytes, matches };
}
