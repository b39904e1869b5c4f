/**
 * The text of a manifest: one line per file, `file <name> seq <n> type <b|h|i>` and pairs of optional keys. Parser and
 * formatter are inverses; the parser accepts what Redis writes and refuses what Redis refuses, with Redis's words as the
 * reason. It is stricter in one thing: numbers are decimal digits to the end, where Redis takes `1x` for 1.
 *
 * Keys know no case; pairs of keys that nobody here knows are skipped. A line that begins with `#` is a comment.
 */
import { quoteIfNeeded, splitWordBytes } from '../../config/quoted-words.js';
import { AofError } from '../../errors.js';
import type { Manifest, ManifestFile, ManifestFileType } from './manifest.js';
import { filesOf } from './manifest.js';

/** A line without its newline, in bytes: Redis reads no longer ones. */
export const MANIFEST_LINE_BYTES_MAX = 1023;

/** Longest manifest that is read at all: some 60,000 files. */
export const MANIFEST_BYTES_MAX = 64 * 1024 * 1024;

/** First line of each of these errors, as Redis prints it: operators look for it. */
const TITLE = '*** FATAL AOF MANIFEST FILE ERROR ***';

/** `path` is for the error only. Throws AofError (AOF_CORRUPT) with reason, line number, line and its offset. */
export function parseManifest(text: Uint8Array, path: string): Manifest {
  if (text.length === 0) throw new AofError('AOF_CORRUPT', `${TITLE}\n${path}: Found an empty AOF manifest`, { path, offset: 0 });
  const builder = new ManifestBuilder();
  let lineNumber = 0;
  for (let start = 0; start < text.length; ) {
    lineNumber++;
    const newline = text.indexOf(NEWLINE, start);
    const end = newline < 0 ? text.length : newline;
    const isTooLong = newline < 0 || end - start > MANIFEST_LINE_BYTES_MAX;
    const reason = isTooLong ? REASON_TOO_LONG : builder.addLine(text.subarray(start, end));
    if (reason !== null) throw lineError(reason, path, lineNumber, start, text.subarray(start, end));
    start = end + 1;
  }
  return builder.manifest();
}

/** Throws AofError (AOF_CONFIG) for a name whose line no reader would take. */
export function formatManifest(manifest: Manifest): Buffer {
  return Buffer.from(filesOf(manifest).map(formatLine).join(''), 'latin1');
}

function formatLine(file: ManifestFile): string {
  let line = `file ${quoteIfNeeded(file.name)} seq ${file.seq} type ${file.type}`;
  for (const key of NUMBER_KEYS) {
    const value = file[key];
    if (value !== undefined) line += ` ${key} ${value}`;
  }
  if (line.length > MANIFEST_LINE_BYTES_MAX) {
    const message = `the file name ${file.name} makes a manifest line of ${line.length} bytes, the limit is ${MANIFEST_LINE_BYTES_MAX}`;
    throw new AofError('AOF_CONFIG', `${message}: choose a shorter appendfilename`);
  }
  return `${line}\n`;
}

const REASON_TOO_LONG = 'The AOF manifest file contains too long line';
const REASON_FORMAT = 'Invalid AOF manifest file format';
const REASON_PATH = "File can't be a path, just a filename";
const REASON_DUPLICATE_BASE = 'Found duplicate base file information';
const REASON_NON_MONOTONIC = 'Found a non-monotonic sequence number';
const REASON_TYPE = 'Unknown AOF file type';

const NEWLINE = 0x0a;
const HASH = 0x23;

/** Optional pairs with decimal values, in the order in which they are written. */
const NUMBER_KEYS = ['startoffset', 'endoffset', 'cut', 'lsn', 'sum', 'clean'] as const;
type NumberKey = (typeof NUMBER_KEYS)[number];

/** Takes lines in order and knows what must not come twice. Its methods return the reason for refusing, or null. */
class ManifestBuilder {
  private base: ManifestFile | null = null;
  private readonly history: ManifestFile[] = [];
  private readonly incrs: ManifestFile[] = [];

  addLine(raw: Uint8Array): string | null {
    // Before trimming: to Redis an indented `#` is no comment.
    if (raw[0] === HASH) return null;
    const line = trimmed(raw);
    const words = line.length === 0 ? null : splitWordBytes(line);
    if (words === null || words.length < 6 || words.length % 2 !== 0) return REASON_FORMAT;
    const file = parsePairs(words);
    return typeof file === 'string' ? file : this.addFile(file);
  }

  manifest(): Manifest {
    return { base: this.base, history: this.history, incrs: this.incrs };
  }

  private addFile(file: ManifestFile): string | null {
    if (file.type === 'b') {
      if (this.base !== null) return REASON_DUPLICATE_BASE;
      this.base = file;
    } else if (file.type === 'h') {
      this.history.push(file);
    } else {
      if (file.seq <= (this.incrs.at(-1)?.seq ?? 0)) return REASON_NON_MONOTONIC;
      this.incrs.push(file);
    }
    return null;
  }
}

function parsePairs(words: readonly Buffer[]): ManifestFile | string {
  let name = '';
  let seq = 0;
  let type = '';
  const numbers: { -readonly [K in NumberKey]?: number } = {};
  for (let i = 0; i + 1 < words.length; i += 2) {
    const key = (words[i] ?? '').toString().toLowerCase();
    const value = words[i + 1] ?? Buffer.alloc(0);
    if (key === 'file') {
      const decoded = parseName(value);
      if (decoded === null) return REASON_PATH;
      name = decoded;
    } else if (key === 'seq') {
      seq = parseDecimal(value);
    } else if (key === 'type') {
      type = value.toString('latin1');
    } else {
      const known = NUMBER_KEYS.find((candidate) => candidate === key);
      if (known === undefined) continue;
      const number = parseDecimal(value);
      if (number < 0) return REASON_FORMAT;
      numbers[known] = number;
    }
  }
  if (name === '' || seq <= 0 || type === '') return REASON_FORMAT;
  if (!isFileType(type)) return REASON_TYPE;
  return { name, seq, type, ...numbers };
}

/** null for what is no base name: a path, a NUL, a name that is not UTF-8 (Node could not open it), `.` and `..`. */
function parseName(bytes: Buffer): string | null {
  const name = bytes.toString('utf8');
  if (/[/\\\0]/.test(name) || name === '.' || name === '..') return null;
  return Buffer.from(name, 'utf8').equals(bytes) ? name : null;
}

/** -1 for anything but decimal digits that make a safe integer. */
function parseDecimal(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  if (!/^\d{1,16}$/.test(text)) return -1;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : -1;
}

function isFileType(text: string): text is ManifestFileType {
  return text === 'b' || text === 'h' || text === 'i';
}

/** Without blanks, tabs and carriage returns at both ends. */
function trimmed(line: Uint8Array): Uint8Array {
  const isBlank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0d;
  let start = 0;
  let end = line.length;
  while (start < end && isBlank(line[start])) start++;
  while (end > start && isBlank(line[end - 1])) end--;
  return line.subarray(start, end);
}

/** Of a bad line, this much goes into the message. */
const SHOWN_BYTES_MAX = 200;

function lineError(reason: string, path: string, lineNumber: number, offset: number, line: Uint8Array): AofError {
  const shown = Buffer.from(trimmed(line).subarray(0, SHOWN_BYTES_MAX)).toString('utf8');
  return new AofError(
    'AOF_CORRUPT',
    `${TITLE}\n${path}: Reading the manifest file, at line ${lineNumber}\n>>> '${shown}'\n${reason}`,
    {
      path,
      offset,
    },
  );
}
