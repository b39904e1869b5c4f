/**
 * What a reader must find, said as shortly as possible over a whole file in memory: regular expressions, no windows, no speed.
 * Shares no code with src/. It tells the place and kind of the first bad thing, not the words for it.
 */
import { crc32 } from 'node:zlib';

export interface OracleRecord {
  readonly start: number;
  readonly end: number;
  /** LSN after it. */
  readonly lsn: number;
}

export interface OracleOutcome {
  status: 'clean' | 'truncated' | 'malformed' | 'rdb';
  records: OracleRecord[];
  validEnd: number;
  lsn: number;
  badOffset: number;
  unitStart: number;
  unitRecordOffset: number;
  openMulti: boolean;
  evidenceLsn: number;
  sessions: number;
  blocks: number;
  foreignBytes: number;
}

interface Line {
  readonly len: number;
  readonly lsn: number;
  readonly lag: number;
  readonly crc: number;
  readonly head: string;
  readonly options: string;
  readonly end: number;
}

const HEX = '(?:0|[1-9a-f][0-9a-f]{0,13})';
const OPTIONS = `(?: d=${HEX}| t=${HEX}| s=[0-9a-f]{8}| f=[mci]| [a-ceg-ru-z]=[!-~]+)*`;
const LINE = new RegExp(`^(#EVS1 (${HEX}) (${HEX}) (${HEX}) )([0-9a-f]{8})(${OPTIONS})\r\n`);

function lineAt(text: string, at: number): Line | null {
  const found = LINE.exec(text.slice(at, at + 128));
  if (found === null) return null;
  const [all, head = '', len = '', lsn = '', lag = '', crc = '', options = ''] = found;
  const known = [...options.matchAll(/ ([dtsf])=/g)].map((match) => 'dtsf'.indexOf(match[1] as string));
  if (known.some((order, i) => i > 0 && order <= (known[i - 1] as number))) return null;
  const line = {
    len: Number.parseInt(len, 16),
    lsn: Number.parseInt(lsn, 16),
    lag: Number.parseInt(lag, 16),
    crc: Number.parseInt(crc, 16),
    head,
    options,
    end: at + all.length,
  };
  const isMark = / f=[ci]/.test(options);
  const isSound = line.lag <= line.lsn && line.lsn + line.len < 2 ** 53 && isMark === (line.len === 0) && line.len <= 2 ** 30;
  return isSound ? line : null;
}

function isValid(bytes: Buffer, line: Line): boolean {
  if (line.end + line.len > bytes.length) return false;
  return (
    crc32(Buffer.concat([Buffer.from(line.head + line.options, 'latin1'), bytes.subarray(line.end, line.end + line.len)])) ===
    line.crc
  );
}

/** Whether what stands from `at` to the end could go on to be an annotation line. */
function isLineBegun(text: string, at: number): boolean {
  const rest = text.slice(at);
  if (rest.length >= 128 || !rest.startsWith('#EVS1 ')) return false;
  const parts = rest.slice(6).split(' ');
  const [len = '', lsn, lag, crc] = parts;
  const numbers = [len, lsn, lag].filter((part): part is string => part !== undefined);
  if (numbers.some((part, i) => !new RegExp(`^${HEX}$`).test(part) && !(part === '' && i === parts.length - 1))) return false;
  if (numbers.some((part) => Number.parseInt(part || '0', 16) >= 2 ** 53)) return false;
  if (crc === undefined) return true;
  if (parts.length === 4 && /^[0-9a-f]{0,8}$/.test(crc)) return true;
  // Any completion that makes a line will do.
  const tails = ['\n', '\r\n', '0\r\n', '=0\r\n', '=00000000\r\n', '=m\r\n', 'z=0\r\n', 'm\r\n'];
  for (let n = 1; n <= 8; n++) tails.push(`${'0'.repeat(n)}\r\n`);
  return tails.some((tail) => {
    const found = LINE.exec(rest + tail);
    if (found === null || found[0].length > 128 || found[0].length <= rest.length) return false;
    const known = [...(found[6] as string).matchAll(/ ([dtsf])=/g)].map((match) => 'dtsf'.indexOf(match[1] as string));
    return !known.some((order, i) => i > 0 && order <= (known[i - 1] as number));
  });
}

/** End of the record at `at`; 'more' when the text ends inside it; 'bad'. */
function recordEnd(text: string, at: number, end: number): number | 'more' | 'bad' {
  let p = at;
  const header = (prefix: string, max: number, digits: number, least: number): number | 'more' | 'bad' => {
    const found = new RegExp(`^\\${prefix}(0|[1-9][0-9]{0,${digits - 1}})\r\n`).exec(text.slice(p, Math.min(end, p + 16)));
    if (found !== null) {
      const value = Number(found[1]);
      p += found[0].length;
      return value > max || value < least ? 'bad' : value;
    }
    const rest = text.slice(p, end);
    const begun = new RegExp(`^\\${prefix}(?:(?:${least > 0 ? '' : '0|'}[1-9][0-9]{0,${digits - 1}})\r?)?$`).exec(rest);
    if (rest !== '' && begun === null) return 'bad';
    return Number(/[0-9]+/.exec(rest)?.[0] ?? 0) > max ? 'bad' : 'more';
  };
  const argc = header('*', 1048576, 7, 1);
  if (typeof argc === 'string') return argc;
  for (let i = 0; i < argc; i++) {
    const length = header('$', 536870912, 9, 0);
    if (typeof length === 'string') return length;
    p += length;
    if (p + 2 - at > 2 ** 30) return 'bad';
    const after = text.slice(p, Math.min(end, p + 2));
    if (after === '\r\n') p += 2;
    else return after === '' || after === '\r' ? 'more' : 'bad';
  }
  return p;
}

export function oracle(bytes: Buffer, firstLsn = 0): OracleOutcome {
  const outcome = walk(bytes, firstLsn);
  if (outcome.status === 'malformed') {
    // Zeros to the end of the file: what stands before them decides.
    let z = bytes.length;
    while (z > 0 && bytes[z - 1] === 0) z--;
    if (z < bytes.length && z >= outcome.badOffset && walk(bytes.subarray(0, z), firstLsn).status !== 'malformed') {
      outcome.status = 'truncated';
    }
  }
  if (outcome.badOffset >= 0) {
    const text = bytes.latin1Slice();
    for (let at = text.indexOf('#EVS1 ', outcome.badOffset + 1); at >= 0; ) {
      const line = lineAt(text, at);
      const isGood = line !== null && isValid(bytes, line);
      if (isGood) outcome.evidenceLsn = Math.max(outcome.evidenceLsn, evidence(line));
      at = text.indexOf('#EVS1 ', isGood ? line.end + line.len : at + 1);
    }
  }
  return outcome;
}

function evidence(line: Line): number {
  return / f=[ci]/.test(line.options) ? line.lsn : line.lsn - line.lag;
}

function walk(bytes: Buffer, firstLsn: number): OracleOutcome {
  const text = bytes.latin1Slice();
  const out: OracleOutcome = {
    status: 'clean',
    records: [],
    validEnd: 0,
    lsn: firstLsn,
    badOffset: -1,
    unitStart: 0,
    unitRecordOffset: 0,
    openMulti: false,
    evidenceLsn: -1,
    sessions: 0,
    blocks: 0,
    foreignBytes: 0,
  };
  if (/^(REDIS|VALKEY)/.test(text)) return { ...out, status: 'rdb' };
  let unit = null as { start: number; record: number } | null;
  let stretch = null as { at: number; lsn: number; unit: typeof unit } | null;
  let isClosed = false;
  let at = 0;
  const note = (start: number, end: number, unitStart: number, unitRecord = start): void => {
    const name = text.slice(start, end).toUpperCase();
    if (name === '*1\r\n$5\r\nMULTI\r\n') unit ??= { start: unitStart, record: unitRecord };
    if (name === '*1\r\n$4\r\nEXEC\r\n' || name === '*1\r\n$7\r\nDISCARD\r\n') unit = null;
  };
  const finish = (status: OracleOutcome['status'], badOffset: number): OracleOutcome => {
    out.status = status;
    out.badOffset = badOffset;
    out.validEnd = badOffset < 0 ? at : badOffset;
    out.openMulti = unit !== null;
    out.unitStart = unit?.start ?? out.validEnd;
    out.unitRecordOffset = unit?.record ?? out.validEnd;
    if (out.blocks === 0) out.foreignBytes = 0;
    return out;
  };
  const plain = (end: number): void => {
    stretch ??= { at, lsn: out.lsn, unit };
    out.lsn += end - at;
    out.foreignBytes += end - at;
    at = end;
  };
  while (at < bytes.length) {
    if (text.startsWith('#EVS1 ', at)) {
      const line = lineAt(text, at);
      if (line === null) return finish(isLineBegun(text, at) ? 'truncated' : 'malformed', at);
      const end = line.end + line.len;
      if (end > bytes.length) return finish('truncated', at);
      if (!isValid(bytes, line)) return finish('malformed', at);
      const isSession = / s=/.test(line.options);
      if (isSession) {
        if (at > 0 && line.lsn < out.lsn) return finish('malformed', at);
      } else if (stretch !== null) {
        const from = stretch;
        unit = from.unit;
        out.lsn = from.lsn;
        out.foreignBytes -= at - from.at;
        return finish('malformed', from.at);
      } else if (out.sessions === 0 || isClosed || line.lsn !== out.lsn) return finish('malformed', at);
      const before = unit;
      const records: OracleRecord[] = [];
      for (let p = line.end; p < end; ) {
        const timestamp = /^#TS:(?:0|[1-9][0-9]{0,14})\r\n/.exec(text.slice(p, end));
        if (timestamp !== null) {
          p += timestamp[0].length;
          continue;
        }
        const after = recordEnd(text, p, end);
        if (typeof after === 'string') {
          unit = before;
          return finish('malformed', at);
        }
        // #TS lines are no commands: before the first one they belong to it.
        note(p, after, at, records.length === 0 ? line.end : p);
        records.push({ start: p, end: after, lsn: line.lsn + after - line.end });
        p = after;
      }
      if (line.len > 4 * 1024 * 1024 && !(records.length === 1 && records[0]?.end === end && records[0]?.start === line.end)) {
        unit = before;
        return finish('malformed', at);
      }
      out.records.push(...records);
      out.lsn = line.lsn + line.len;
      out.blocks++;
      if (isSession) out.sessions++;
      if (isSession) isClosed = false;
      if (/ f=c/.test(line.options)) isClosed = true;
      out.evidenceLsn = Math.max(out.evidenceLsn, evidence(line));
      stretch = null;
      at = end;
    } else if (text[at] === '#') {
      const six = text.slice(at, at + 6);
      if (six.length === 6 && [...six].filter((letter, i) => letter === '#EVS1 '[i]).length === 5) return finish('malformed', at);
      const line = /^[^\n\0]{0,1022}\n/.exec(text.slice(at, at + 1023));
      // Behind blocks a comment is text, because a torn annotation may begin with the same byte.
      if (line !== null && out.blocks > 0 && !/^[\t -~]*\r?\n$/.test(line[0])) return finish('malformed', at);
      if (line !== null) plain(at + line[0].length);
      else return finish(/^[^\0]{0,1022}$/.test(text.slice(at)) ? 'truncated' : 'malformed', at);
    } else {
      const after = text[at] === '*' ? recordEnd(text, at, bytes.length) : 'bad';
      if (typeof after === 'string') return finish(after === 'more' ? 'truncated' : 'malformed', at);
      const start = at;
      plain(after);
      note(start, after, start);
      out.records.push({ start, end: after, lsn: out.lsn });
    }
  }
  return finish('clean', -1);
}
