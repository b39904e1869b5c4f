/**
 * Whole requests in canonical form that stand one behind the other in a chunk, found in one pass: the ordinary case of a pipeline. Where
 * anything else begins (a half-read request, an inline command, an odd number, very many or very long arguments) it stops, and
 * command-parser.ts reads on byte by byte.
 */

/** What is found ahead at most: what is fetched for these commands must still be near when the last of them runs. */
const REQUESTS_MAX = 64;
const INDEX_WORDS = 1024;
/** In front of a request's arguments in the index: first byte, byte after the last, nothing, number of arguments. */
export const HEAD_WORDS = 4;
/** No argument that is found is so long. */
export const SCANNED_BYTES_MAX = 100_000;

const STAR = 42;
const DOLLAR = 36;
const CR = 13;
const LF = 10;
const ZERO = 48;

export class RequestScanner {
  /** Requests one behind the other, as CommandBatch of the backend describes them; positions are those in the chunk. */
  readonly index = new Int32Array(INDEX_WORDS);

  /** How many whole requests begin at `from`; 0 also where another reader has to look. `end` is at most the length of `bytes`. */
  scan(bytes: Buffer, from: number, end: number): number {
    const { index } = this;
    let count = 0;
    let words = 0;
    let next = from;
    while (count < REQUESTS_MAX) {
      const start = next;
      // The shortest is `*1\r\n$0\r\n\r\n`.
      if (end - start < 10 || bytes[start] !== STAR) break;
      let p = start + 2;
      let argc = (bytes[start + 1] as number) - ZERO;
      if (argc < 1 || argc > 9) break;
      const second = (bytes[p] as number) - ZERO;
      if (second >= 0 && second <= 9) {
        argc = argc * 10 + second;
        p++;
      }
      if (bytes[p] !== CR || bytes[p + 1] !== LF) break;
      p += 2;
      let k = words + HEAD_WORDS;
      if (k + 2 * argc > INDEX_WORDS) break;
      let left = argc;
      for (; left > 0; left--) {
        if (end - p < 6 || bytes[p] !== DOLLAR) break;
        let length = (bytes[p + 1] as number) - ZERO;
        if (length < 0 || length > 9) break;
        p += 2;
        let digit = (bytes[p] as number) - ZERO;
        // A leading zero is followed by no digit; a sixth digit is none of ours.
        while (digit >= 0 && digit <= 9 && length > 0 && length < SCANNED_BYTES_MAX / 10 && p + 2 < end) {
          length = length * 10 + digit;
          p++;
          digit = (bytes[p] as number) - ZERO;
        }
        if (bytes[p] !== CR || bytes[p + 1] !== LF) break;
        p += 2;
        const argumentEnd = p + length;
        if (argumentEnd + 2 > end || bytes[argumentEnd] !== CR || bytes[argumentEnd + 1] !== LF) break;
        index[k++] = p;
        index[k++] = argumentEnd;
        p = argumentEnd + 2;
      }
      if (left > 0) break;
      index[words] = start;
      index[words + 1] = p;
      index[words + 3] = argc;
      words = k;
      next = p;
      count++;
    }
    return count;
  }
}
