/** A block log in a temporary file, and what tests ask of it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend, BlockLog, BlockLogOptions } from '../../src/backend/backend.js';
import { Status } from '../../src/backend/backend.js';
import { decodeBlocks, type OracleBlock, payloadOf } from '../conformance/oracle.js';

/** A claim that does not come true in this time fails the test with what status() says. */
const PATIENCE_MS = 20_000;

type StatusName = Exclude<keyof typeof Status, 'length' | 'syncHistogram'>;

const openRigs = new Set<LogRig>();
const directories = new Set<string>();

/** For afterEach. What close() has to say was the test's own affair. */
export async function closeRigs(): Promise<void> {
  for (const rig of openRigs) await rig.close().catch(() => {});
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  directories.clear();
}

export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'everysec-log-'));
  directories.add(directory);
  return directory;
}

export class LogRig {
  readonly path: string;
  readonly directory: string;
  readonly options: BlockLogOptions;
  readonly numbers = new Float64Array(Status.length);
  /** onProgress calls so far. */
  progressCount = 0;
  private opened: BlockLog | null = null;
  private wake: (() => void) | null = null;

  /** A log over a new file with the bytes `content`. */
  static async open(
    backend: Backend,
    options: Partial<BlockLogOptions> = {},
    content: string | Uint8Array = '',
  ): Promise<LogRig> {
    const rig = new LogRig(options, content);
    rig.opened = await backend.openLog(rig.options);
    openRigs.add(rig);
    return rig;
  }

  private constructor(options: Partial<BlockLogOptions>, content: string | Uint8Array) {
    this.path = options.path ?? join(makeDirectory(), 'appendonly.aof.1.incr.aof');
    this.directory = join(this.path, '..');
    writeFileSync(this.path, content);
    this.options = {
      position: Buffer.byteLength(content),
      session: '0123abcd',
      lsn: 0,
      checksum: true,
      retainUntilSynced: true,
      ...options,
      path: this.path,
      onProgress: () => {
        this.progressCount += 1;
        options.onProgress?.();
        const { wake } = this;
        this.wake = null;
        wake?.();
      },
    };
  }

  get log(): BlockLog {
    if (this.opened === null) throw new Error('the rig has no log');
    return this.opened;
  }

  stat(name: StatusName): number {
    this.log.status(this.numbers);
    return this.numbers[Status[name]] as number;
  }

  syncHistogram(): number[] {
    this.log.status(this.numbers);
    return [...this.numbers.subarray(Status.syncHistogram, Status.syncHistogram + 32)];
  }

  /** Waits for progress until this is so. */
  async until(claim: () => boolean): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    while (!claim()) {
      if (performance.now() > deadline) throw new Error(`never: ${claim}\n${this.describe()}`);
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        timer = setTimeout(resolve, 100);
      });
      clearTimeout(timer);
    }
  }

  /** Nothing is under way or waits. */
  idle(): Promise<void> {
    return this.until(() => this.stat('isWriting') === 0 && this.stat('isSyncing') === 0);
  }

  async flush(sync = false): Promise<void> {
    this.log.flush(sync);
    await this.idle();
  }

  file(path = this.path): Buffer {
    return readFileSync(path);
  }

  blocks(path = this.path): OracleBlock[] {
    return decodeBlocks(this.file(path));
  }

  /** RESP in the file; annotations are checked on the way. */
  payload(): Buffer {
    return payloadOf(this.file(), this.options.lsn);
  }

  /** A second file in the same directory, for openNext(). */
  makeFile(name: string, content = ''): string {
    const path = join(this.directory, name);
    writeFileSync(path, content);
    return path;
  }

  async close(): Promise<void> {
    if (!openRigs.delete(this)) return;
    await this.log.close();
  }

  private describe(): string {
    this.log.status(this.numbers);
    const named = Object.entries(Status).filter(([name]) => name !== 'length' && name !== 'syncHistogram');
    return named.map(([name, index]) => `${name}=${this.numbers[index]}`).join(' ');
  }
}
