/** A log that is rolled from file to file, and the oracle of what its files must hold together. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Arg, Backend, BlockLogOptions, RollCut } from '../../src/backend/backend.js';
import { decodeBlocks, encodeArgv, encodeRecord, type OracleBlock } from '../conformance/oracle.js';
import { LogRig, makeDirectory } from './log-rig.js';
import { readWhole } from './read-log.js';

interface SceneFile {
  readonly path: string;
  /** LSN of what it holds behind its SELECT, and that SELECT; both of the first file are what the log began with. */
  readonly lsn: number;
  readonly lead: Buffer;
  /** Where it ends since it was given up. */
  end: number;
}

/** One block, or one record or line of a plain stretch. */
interface Piece {
  readonly payload: Buffer;
  readonly lsn: number | null;
}

export type CutPlace = Pick<RollCut, 'offset' | 'lsn'>;

export class RollScene {
  private readonly backend: Backend;
  private readonly appended: Buffer[] = [];
  private readonly files: SceneFile[];
  /** The one behind the change of files that is under way. */
  private waiting: SceneFile | null = null;
  /** LSN behind each SELECT. */
  private readonly selects: { lsn: number; db: number }[] = [];

  static async open(backend: Backend, options: Partial<BlockLogOptions> = {}): Promise<RollScene> {
    return new RollScene(backend, await LogRig.open(backend, options));
  }

  private constructor(
    backend: Backend,
    readonly rig: LogRig,
  ) {
    this.backend = backend;
    this.files = [{ path: rig.path, lsn: rig.options.lsn, lead: Buffer.alloc(0), end: Number.POSITIVE_INFINITY }];
  }

  /** Of the file that is current. */
  get path(): string {
    return this.last.path;
  }

  /** Of all files, oldest first, as far as they count. */
  contents(): Buffer[] {
    return this.files.map(({ path, end }) => this.rig.file(path).subarray(0, end));
  }

  blocks(): OracleBlock[] {
    return this.rig.blocks(this.path);
  }

  append(...argv: Arg[]): void {
    this.rig.log.append(...argv);
    this.appended.push(encodeArgv(argv));
  }

  select(db: number): void {
    const lsn = this.rig.log.select(db);
    this.appended.push(encodeRecord('SELECT', db));
    this.selects.push({ lsn, db });
  }

  /** What a roll would say now, when everything is synced. */
  measureCut(): CutPlace {
    return { offset: this.rig.file(this.path).length, lsn: this.rig.stat('syncedLsn') };
  }

  /** What is appended from now on goes to a next file, which waits until the old one is left. */
  async switchToNext(): Promise<void> {
    const path = this.makeFile();
    await this.rig.log.openNext({ path, position: 0, session: (0xfeed_0000 + this.files.length).toString(16) });
    this.rig.log.switchToNext();
    this.waiting = { path, lsn: this.rig.stat('appendedLsn'), lead: Buffer.alloc(0), end: Number.POSITIVE_INFINITY };
    this.selects.push({ lsn: this.waiting.lsn, db: 0 });
  }

  /** Once the old file is left. */
  resumeTarget(): void {
    if (this.waiting !== null) this.files.push(this.waiting);
    this.waiting = null;
    this.rig.log.resumeTarget();
  }

  async roll(session = (0xfeed_0010 + this.files.length).toString(16)): Promise<CutPlace> {
    const { rig, last, waiting } = this;
    const path = this.makeFile();
    const { fileLsn, ...cut } = await rig.log.roll({ path, position: 0, session });
    const isBefore = ({ lsn }: { lsn: number }) => lsn <= cut.lsn && !(waiting !== null && lsn === waiting.lsn);
    const select = encodeRecord('SELECT', this.selects.findLast(isBefore)?.db ?? 0);
    const lead = cut.lsn < select.length ? Buffer.alloc(0) : select;
    expect(fileLsn).toBe(cut.lsn - lead.length);
    last.end = cut.offset;
    // The file that waits takes over, and the new one waits in its place.
    if (waiting !== null) this.waiting = { ...waiting, path };
    this.files.push({ path: waiting?.path ?? path, lsn: cut.lsn, lead, end: Number.POSITIVE_INFINITY });
    return cut;
  }

  /** Perhaps on another disk. */
  private makeFile(): string {
    const path = join(makeDirectory(), `rolled.${this.files.length}.aof`);
    writeFileSync(path, '');
    return path;
  }

  /** Once all is written: the files hold what was appended, once, and a reader finds each of them clean. */
  async verify(): Promise<void> {
    const payloads: Buffer[] = [];
    const { rig, last } = this;
    let lsn = rig.options.lsn;
    for (const file of this.files) {
      const bytes = rig.file(file.path).subarray(0, file.end);
      const isCut = file !== last;
      if (isCut && bytes.length === 0) continue;
      expect(file.lsn, file.path).toBe(lsn);
      const start = file.lsn - file.lead.length;
      const payload = Buffer.concat(walk(bytes, start).map((piece) => piece.payload));
      expect(payload.subarray(0, file.lead.length).toString(), file.path).toBe(file.lead.toString());
      payloads.push(payload.subarray(file.lead.length));
      lsn = start + payload.length;
      const endOffset = Number.isFinite(file.end) ? { endOffset: file.end } : {};
      const reader = this.backend.openReader({ path: file.path, lsn: start, ...endOffset });
      const { outcome } = await readWhole(reader);
      await reader.close();
      expect([outcome.status, outcome.found, outcome.lsn, outcome.openMulti], file.path).toEqual(['clean', '', lsn, false]);
    }
    const all = Buffer.concat(payloads);
    const appended = Buffer.concat(this.appended);
    expect(all.length).toBe(appended.length);
    expect(all.equals(appended), 'the files hold what was appended').toBe(true);
  }

  /** What a crash of the machine would leave at least, as an LSN, when of each file only so many bytes are durable. */
  durableLsn(syncedSize: (path: string) => number): number {
    let durable = this.rig.options.lsn;
    for (const { path, lsn, lead } of this.files) {
      const bytes = this.rig.file(path).subarray(0, syncedSize(path));
      const length = walk(bytes, lsn - lead.length).reduce((sum, { payload }) => sum + payload.length, 0);
      if (length > lead.length && lsn <= durable) durable = Math.max(durable, lsn + length - lead.length);
    }
    return durable;
  }

  private get last(): SceneFile {
    return this.files[this.files.length - 1] as SceneFile;
  }
}

/** All that is whole. Throws where an LSN is not the one that comes next. */
function walk(file: Buffer, lsn: number): Piece[] {
  const pieces: Piece[] = [];
  let next = lsn;
  for (let at = 0; at < file.length; ) {
    const piece = takePiece(file, at);
    if (piece === null) break;
    if (piece.lsn !== null && piece.lsn !== next) throw new Error(`at ${at}: lsn ${piece.lsn}, expected ${next}`);
    pieces.push(piece);
    next += piece.payload.length;
    at = piece.end;
  }
  return pieces;
}

/** null: it is not whole. */
function takePiece(file: Buffer, at: number): (Piece & { readonly end: number }) | null {
  const lineEnd = file.indexOf('\r\n', at) + 2;
  if (lineEnd < 2) return null;
  const line = file.latin1Slice(at, lineEnd);
  let end = lineEnd;
  if (line.startsWith('#EVS1 ')) {
    end += Number.parseInt(line.split(' ')[1] ?? '', 16);
    const [block] = end > file.length ? [] : decodeBlocks(file.subarray(at, end));
    return block === undefined ? null : { payload: block.payload, lsn: block.lsn, end };
  }
  if (line[0] !== '*') throw new Error(`at ${at}: ${JSON.stringify(line.slice(0, 40))}`);
  for (let left = Number(line.slice(1)); left > 0; left--) {
    const header = file.indexOf('\r\n', end);
    if (header < 0) return null;
    end = header + 2 + Number(file.latin1Slice(end + 1, header)) + 2;
  }
  return end > file.length ? null : { payload: file.subarray(at, end), lsn: null, end };
}
