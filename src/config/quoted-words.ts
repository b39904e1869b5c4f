/**
 * Words of a line as redis.conf, the AOF manifest and redis-cli write them: bare, "double quoted" with escapes (\n \r \t \b
 * \a \xHH, backslash for itself) or 'single quoted' (only \' is an escape). A quote may open inside a word; after a closing
 * one must come white space or the end. Text is UTF-8 and the rules are about bytes, so that \xc3\xa4 is one letter.
 */

/** The words of a line; null when a quote is not closed or a closing quote is followed by something else. */
export function splitWords(line: string): string[] | null {
  const words = splitWordBytes(Buffer.from(line, 'utf8'));
  return words === null ? null : words.map((word) => word.toString('utf8'));
}

/** As splitWords, for bytes which need not be UTF-8. */
export function splitWordBytes(line: Uint8Array): Buffer[] | null {
  const words: Buffer[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isSpace(line[at] ?? 0)) at++;
    if (at >= line.length) return words;
    const word: number[] = [];
    const end = readWord(line, at, word);
    if (end < 0) return null;
    words.push(Buffer.from(word));
    at = end;
  }
}

/** The text as it is where it can stand as a bare word, else quoted so that splitWords gives it back. */
export function quoteIfNeeded(text: string): string {
  return /^[\x21\x23-\x26\x28-\x5b\x5d-\x7e]+$/.test(text) ? text : quote(text);
}

/** Always in double quotes; everything that is not printable ASCII is escaped. */
export function quote(text: string): string {
  let quoted = '"';
  for (const byte of Buffer.from(text, 'utf8')) quoted += escaped(byte);
  return `${quoted}"`;
}

/** Appends the word that begins at `at` to `into`; returns where it ended, -1 for unbalanced quotes. */
function readWord(line: Uint8Array, start: number, into: number[]): number {
  let at = start;
  while (at < line.length) {
    const byte = line[at] ?? 0;
    if (isSpace(byte) || byte === 0) return at + 1;
    if (byte === DOUBLE_QUOTE || byte === SINGLE_QUOTE) {
      return byte === DOUBLE_QUOTE ? readDoubleQuoted(line, at + 1, into) : readSingleQuoted(line, at + 1, into);
    }
    into.push(byte);
    at++;
  }
  return at;
}

function readDoubleQuoted(line: Uint8Array, start: number, into: number[]): number {
  let at = start;
  while (at < line.length) {
    const byte = line[at] ?? 0;
    if (byte === DOUBLE_QUOTE) return endOfQuoted(line, at + 1);
    if (byte !== BACKSLASH || at + 1 >= line.length) {
      into.push(byte);
      at++;
      continue;
    }
    const hex = line[at + 1] === 0x78 ? hexPair(line, at + 2) : -1;
    into.push(hex >= 0 ? hex : unescaped(line[at + 1] ?? 0));
    at += hex >= 0 ? 4 : 2;
  }
  return -1;
}

function readSingleQuoted(line: Uint8Array, start: number, into: number[]): number {
  let at = start;
  while (at < line.length) {
    const byte = line[at] ?? 0;
    if (byte === SINGLE_QUOTE) return endOfQuoted(line, at + 1);
    const isEscape = byte === BACKSLASH && line[at + 1] === SINGLE_QUOTE;
    into.push(isEscape ? SINGLE_QUOTE : byte);
    at += isEscape ? 2 : 1;
  }
  return -1;
}

function endOfQuoted(line: Uint8Array, at: number): number {
  return at >= line.length || isSpace(line[at] ?? 0) ? at : -1;
}

const DOUBLE_QUOTE = 0x22;
const SINGLE_QUOTE = 0x27;
const BACKSLASH = 0x5c;

/** Letter after the backslash, and the byte it stands for. */
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
  [0x62, 0x08],
  [0x61, 0x07],
]);
const LETTERS: ReadonlyMap<number, string> = new Map([...ESCAPES].map(([letter, byte]) => [byte, String.fromCharCode(letter)]));

function unescaped(letter: number): number {
  return ESCAPES.get(letter) ?? letter;
}

function escaped(byte: number): string {
  if (byte === DOUBLE_QUOTE || byte === BACKSLASH) return `\\${String.fromCharCode(byte)}`;
  const letter = LETTERS.get(byte);
  if (letter !== undefined) return `\\${letter}`;
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte);
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

function hexPair(line: Uint8Array, at: number): number {
  const pair = String.fromCharCode(line[at] ?? 0, line[at + 1] ?? 0);
  return /^[0-9a-fA-F]{2}$/.test(pair) ? Number.parseInt(pair, 16) : -1;
}

/** The C locale's isspace. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
