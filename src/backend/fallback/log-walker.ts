/**
 * The grammar of a log file: plain RESP, sessions of blocks, marks, and in which order they may stand (docs/aof-format.md).
 *
 * Knows no file. It walks a window of bytes from a boundary (between records or blocks) to the last boundary that it can
 * reach, collects commands in its scanner, and says why it stopped. What it commits to is valid; a block counts as a whole.
 */
import { crc32 } from 'node:zlib';
import { BlockLimits } from '../backend.js';
import { AnnotationParser, Form, isAnnotation, nearAnnotation } from './annotation-parser.js';
import { type Complaint, describeByte, END_OF_FILE } from './bad-byte.js';
import type { BadBlock, BadPlace } from './bad-place.js';
import { maxCommentBytes, nonText, timestampLine } from './comment-line.js';
import { RecordScanner, Stop } from './record-scanner.js';
import { UnitTracker } from './unit-tracker.js';

/** What the window ended with. */
export type Verdict =
  /** Another window is wanted, at least `need` bytes long (0: any longer one). */
  | 'more'
  /** A session begins here whose LSN does not follow: a batch ends before it. */
  | 'session'
  /** The file ends here, at a boundary. */
  | 'end'
  | 'bad';

const STAR = 42;
const HASH = 35;
const LF = 10;

export class LogWalker {
  readonly scanner: RecordScanner;
  readonly units = new UnitTracker();
  /** LSN at the boundary, and where the window began. */
  lsn: number;
  viewLsn = 0;
  /** Position in the window of the boundary reached, and what is wanted there. */
  at = 0;
  need = 0;
  bad: BadPlace | null = null;
  /** Commands of earlier batches. */
  commandsBefore = 0;
  sessions = 0;
  blocks = 0;
  evidenceLsn = -1;
  seconds = 0;
  endMark: 'c' | 'i' | '' = '';
  isClosed = false;
  /** Plain bytes of stretches that are over, and of the one under way. */
  plainBytes = 0;
  stretchBytes = 0;
  isInPlain = false;

  readonly #size: number;
  readonly #annotation = new AnnotationParser();
  /** State where the plain stretch under way began, to go back to. */
  readonly #stretchUnits = new UnitTracker();
  #stretchOffset = 0;
  #stretchLsn = 0;
  #stretchSeconds = 0;
  readonly #blockUnits = new UnitTracker();
  /** The window. */
  #view: Buffer = Buffer.alloc(0);
  #end = 0;
  #viewOffset = 0;
  #isLast = false;
  /** What makes a position in the window an LSN entry of the stretch or block that is scanned now. */
  #lsnDelta = 0;
  /** Block that is scanned now; -1 in plain RESP. */
  #blockOffset = -1;
  #blockPayload = 0;
  #blockLsn = 0;
  #blockCommands = 0;

  constructor(size: number, lsn: number) {
    this.#size = size;
    this.lsn = lsn;
    this.scanner = new RecordScanner((bytes, start, end, record) => this.#loneName(bytes, start, end, record));
  }

  /** `view[0]` is a boundary, at file offset `viewOffset`; `isLast`: the file ends at `end`. */
  walk(view: Buffer, end: number, viewOffset: number, isLast: boolean): Verdict {
    this.scanner.reset();
    this.#view = view;
    this.#end = end;
    this.#viewOffset = viewOffset;
    this.#isLast = isLast;
    this.viewLsn = this.lsn;
    this.at = 0;
    this.need = 0;
    for (;;) {
      if (this.at >= end) return isLast ? 'end' : 'more';
      const byte = view[this.at] as number;
      let verdict: Verdict | null;
      if (byte === STAR) verdict = this.#records();
      else if (byte !== HASH) verdict = this.#malformed(this.at, { found: describeByte(byte), expected: "'*' or '#'" });
      else if (end - this.at < 6 && !isLast) verdict = this.#more(6);
      else if (end - this.at < 6) verdict = this.#comment();
      else if (isAnnotation(view, this.at)) verdict = this.#block();
      else verdict = this.#comment();
      if (verdict !== null) return verdict;
    }
  }

  // ------------------------------------------------------------------------------------------------ plain RESP

  #records(): Verdict | null {
    this.#enterPlain();
    const from = this.at;
    const scanner = this.scanner;
    this.#lsnDelta = this.lsn - this.viewLsn - from;
    this.#blockOffset = -1;
    const to = scanner.scan(this.#view, from, this.#end, this.#lsnDelta);
    this.#passPlain(to);
    if (scanner.stop === Stop.bad) return this.#malformed(scanner.badAt, scanner.complaint(this.#view));
    if (scanner.stop !== Stop.more) return null;
    // All but the LF may be there: then the byte in the place of the CR says more than the end of the file.
    const isBeyond = this.#viewOffset + to + scanner.need > this.#size + 1;
    if (this.#isLast || isBeyond) return this.#truncated('the rest of a record', null);
    return this.#more(scanner.need);
  }

  #comment(): Verdict | null {
    const view = this.#view;
    const from = this.at;
    const limit = Math.min(this.#end, from + maxCommentBytes);
    const other = this.#end - from >= 6 ? nearAnnotation(view, from) : -1;
    if (other >= 0) {
      return this.#malformed(from + other, {
        found: 'a # line that misses #EVS1 by one byte',
        expected: 'an annotation or a comment',
      });
    }
    let p = from;
    while (p < limit && view[p] !== LF && view[p] !== 0) p++;
    if (p === limit) {
      if (limit - from === maxCommentBytes) {
        return this.#malformed(from, { found: `a # line of more than ${maxCommentBytes} bytes`, expected: 'a shorter line' });
      }
      return this.#isLast ? this.#truncated('the rest of a # line', null) : this.#more(Math.min(maxCommentBytes, 2 * (p - from)));
    }
    if (view[p] === 0) return this.#malformed(p, { found: describeByte(0), expected: '\\n' });
    if (this.blocks > 0) {
      // Behind blocks a `#` may be what is left of an annotation, with anything behind it; other servers write text.
      const other = nonText(view, from, p);
      if (other >= 0)
        return this.#malformed(from, { found: `a # line with ${describeByte(view[other] as number)}`, expected: 'text' });
    }
    this.#enterPlain();
    const timestamp = timestampLine(view, from, p + 1);
    if (timestamp !== null) this.seconds = timestamp.seconds;
    this.#passPlain(p + 1);
    return null;
  }

  #enterPlain(): void {
    if (this.isInPlain) return;
    this.isInPlain = true;
    this.endMark = '';
    this.#stretchOffset = this.#viewOffset + this.at;
    this.#stretchLsn = this.lsn;
    this.#stretchSeconds = this.seconds;
    this.#stretchUnits.copyFrom(this.units);
  }

  #passPlain(to: number): void {
    const bytes = to - this.at;
    this.lsn += bytes;
    this.stretchBytes += bytes;
    this.at = to;
  }

  // ---------------------------------------------------------------------------------------------------- blocks

  #block(): Verdict | null {
    const view = this.#view;
    const at = this.at;
    const line = this.#annotation;
    if (this.#end - at < BlockLimits.annotationBytes && !this.#isLast) return this.#more(BlockLimits.annotationBytes);
    const form = line.parse(view, at, this.#end);
    if (form === Form.more) return this.#truncated('the rest of an annotation line', null);
    if (form === Form.bad) return this.#malformed(line.badAt, this.#lineComplaint(line.badAt - at));
    const payload = line.lineEnd;
    const end = payload + line.len;
    const block = { payloadOffset: this.#viewOffset + payload, length: line.len, db: line.hasSession ? -1 : line.db };
    if (this.#viewOffset + end > this.#size) return this.#truncated(`${line.len} bytes of payload`, block);
    if (end > this.#end) return this.#more(end - at);
    const crc = this.#crc(at, end);
    if (crc !== line.crc) {
      const complaint = { found: `crc ${hex8(crc)}`, expected: `crc ${hex8(line.crc)}` };
      return this.#stop('malformed', complaint, line.len > 0 ? end - 1 : -1, block);
    }
    const isFirst = this.#viewOffset + at === 0;
    if (line.hasSession) {
      if (!isFirst && line.lsn < this.lsn) return this.#refuse(`lsn ${line.lsn}`, `lsn ${this.lsn} or more`, block);
      if (line.lsn !== this.lsn && at !== 0) return 'session';
      if (at === 0) this.viewLsn = line.lsn;
    } else if (this.isInPlain) {
      return this.#refuseStretch();
    } else if (this.sessions === 0 || this.isClosed) {
      return this.#refuse('a block without s=', 'a block that begins a session', block);
    } else if (line.lsn !== this.lsn) {
      return this.#refuse(`lsn ${line.lsn}`, `lsn ${this.lsn}`, block);
    }
    return this.#payload(payload, end, block);
  }

  /** The payload of a block that is right in all else; takes the block over when its records are right too. */
  #payload(from: number, end: number, block: BadBlock): Verdict | null {
    const view = this.#view;
    const line = this.#annotation;
    const scanner = this.scanner;
    const length = scanner.length;
    const count = scanner.count;
    this.#lsnDelta = line.lsn - this.viewLsn - from;
    this.#blockOffset = this.#viewOffset + this.at;
    this.#blockPayload = this.#viewOffset + from;
    this.#blockLsn = line.lsn;
    this.#blockCommands = this.commandsBefore + count;
    this.#blockUnits.copyFrom(this.units);
    let seconds = line.seconds === 0 ? this.seconds : line.seconds;
    let last = -1;
    let complaint: Complaint | null = null;
    let p = from;
    while (p < end && complaint === null) {
      if (view[p] === STAR) {
        p = scanner.scan(view, p, end, this.#lsnDelta);
        if (scanner.lastStart >= 0) last = scanner.lastStart;
        if (scanner.stop === Stop.bad) complaint = inPayload(scanner.complaint(view), scanner.badAt - from);
        else if (scanner.stop === Stop.more) complaint = { found: 'end of block', expected: 'the rest of a record' };
      } else {
        const timestamp = timestampLine(view, p, end);
        if (timestamp === null) {
          complaint = inPayload({ found: describeByte(view[p] as number), expected: 'a record or #TS' }, p - from);
        } else {
          seconds = timestamp.seconds;
          p = timestamp.end;
        }
      }
    }
    if (
      complaint === null &&
      line.len > BlockLimits.maxBlockBytes &&
      !(last === from && scanner.stop === Stop.end && p === end)
    ) {
      complaint = { found: `a block of ${line.len} bytes with more than one record`, expected: 'one record' };
    }
    if (complaint !== null) {
      scanner.length = length;
      scanner.count = count;
      this.units.copyFrom(this.#blockUnits);
      return this.#stop('malformed', complaint, -1, block);
    }
    this.#leavePlain();
    this.seconds = seconds;
    this.lsn = line.lsn + line.len;
    this.blocks++;
    if (line.hasSession) {
      this.sessions++;
      this.isClosed = false;
    }
    this.endMark = line.flag === 'm' ? '' : line.flag;
    if (line.flag === 'c') this.isClosed = true;
    this.evidenceLsn = Math.max(this.evidenceLsn, evidenceOf(line));
    this.at = end;
    return null;
  }

  #leavePlain(): void {
    this.plainBytes += this.stretchBytes;
    this.stretchBytes = 0;
    this.isInPlain = false;
  }

  #crc(at: number, end: number): number {
    const view = this.#view;
    const line = this.#annotation;
    let crc = crc32(view.subarray(at, line.crcAt));
    if (line.optionsEnd > line.optionsAt) crc = crc32(view.subarray(line.optionsAt, line.optionsEnd), crc);
    return crc32(view.subarray(line.lineEnd, end), crc);
  }

  #lineComplaint(at: number): Complaint {
    const expected = 'an #EVS1 line of known form';
    if (at === 0) return { found: 'fields that contradict each other', expected };
    return { found: `${describeByte(this.#view[this.at + at] as number)} at byte ${at} of the line`, expected };
  }

  // --------------------------------------------------------------------------------------------------- helpers

  #loneName(bytes: Buffer, start: number, end: number, record: number): void {
    if (isWord(bytes, start, end, 'MULTI')) {
      const offset = this.#viewOffset + record;
      const lsn = this.viewLsn + record + this.#lsnDelta;
      const commands = this.commandsBefore + this.scanner.count - 1;
      if (this.#blockOffset < 0) this.units.multi(offset, lsn, commands, offset, lsn);
      // A #TS line in front of it is no command: nothing that stands before the unit is lost with it.
      else if (commands === this.#blockCommands)
        this.units.multi(this.#blockOffset, this.#blockLsn, commands, this.#blockPayload, this.#blockLsn);
      else this.units.multi(this.#blockOffset, this.#blockLsn, this.#blockCommands, offset, lsn);
    } else if (isWord(bytes, start, end, 'EXEC') || isWord(bytes, start, end, 'DISCARD')) {
      this.units.end();
    }
  }

  #more(need: number): Verdict {
    this.need = need;
    return 'more';
  }

  #truncated(expected: string, block: BadBlock | null): Verdict {
    return this.#stop('truncated', { found: END_OF_FILE, expected }, -1, block);
  }

  /** `badAt`: position in the window. */
  #malformed(badAt: number, complaint: Complaint): Verdict {
    return this.#stop('malformed', complaint, badAt, null);
  }

  #refuse(found: string, expected: string, block: BadBlock): Verdict {
    return this.#stop('malformed', { found, expected }, -1, block);
  }

  #stop(status: 'truncated' | 'malformed', complaint: Complaint, zerosAt: number, block: BadBlock | null): Verdict {
    const { at } = this;
    const byte = this.#view[at];
    const hasStart = this.#end - at >= 6 && byte === HASH;
    const isLine = hasStart && isAnnotation(this.#view, at);
    const isNear = hasStart && nearAnnotation(this.#view, at) >= 0;
    this.bad = {
      status,
      offset: this.#viewOffset + at,
      complaint,
      isInPlain: !isLine && !isNear && (byte === STAR || this.isInPlain || this.blocks === 0),
      isAnnotation: isLine,
      zerosFrom: zerosAt < 0 ? -1 : this.#viewOffset + zerosAt,
      block,
    };
    return 'bad';
  }

  /** Plain RESP inside a session: back to where it began. What was delivered of it makes no harm: the file is refused. */
  #refuseStretch(): Verdict {
    this.lsn = this.#stretchLsn;
    this.seconds = this.#stretchSeconds;
    this.units.copyFrom(this.#stretchUnits);
    this.stretchBytes = 0;
    this.isInPlain = false;
    this.bad = {
      status: 'malformed',
      offset: this.#stretchOffset,
      complaint: { found: 'plain RESP inside a session', expected: 'a block' },
      isInPlain: false,
      isAnnotation: false,
      zerosFrom: -1,
      block: null,
    };
    return 'bad';
  }
}

/** What a valid block says about how far the log was durable. */
export function evidenceOf(line: AnnotationParser): number {
  return line.flag === 'c' || line.flag === 'i' ? line.lsn : line.lsn - line.lag;
}

function inPayload(complaint: Complaint, at: number): Complaint {
  return { found: `${complaint.found} at byte ${at} of the payload`, expected: complaint.expected };
}

export function hex8(value: number): string {
  return value.toString(16).padStart(8, '0');
}

function isWord(bytes: Buffer, start: number, end: number, upper: string): boolean {
  if (end - start !== upper.length) return false;
  for (let i = 0; i < upper.length; i++) if (((bytes[start + i] as number) & 0xdf) !== upper.charCodeAt(i)) return false;
  return true;
}
