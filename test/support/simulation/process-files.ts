/**
 * The file port of one simulated process: it says which operations fail, hang for a while, or are the last ones of the process, which
 * then dies before, after or in the middle of them. Once dead, nothing returns any more: what it awaited never settles.
 */
import type { FileHandle, FileStat, Files, OpenMode } from '../../../src/env/files.js';
import type { Random } from '../seeded-random.js';
import type { SimFiles } from '../sim/sim-files.js';
import type { FaultPlan, FileOperation } from './fault-plan.js';
import type { Situations } from './situations.js';

/** An operation that hangs: go() lets it take place. */
export interface Hold {
  readonly until: Promise<void>;
  go(): void;
  /** It never happens. */
  drop(): void;
}

export interface ProcessFilesOptions {
  readonly disk: SimFiles;
  readonly random: Random;
  readonly faults: FaultPlan;
  readonly situations: Situations;
  readonly holdOf: (operation: FileOperation) => Hold | null;
  readonly onDeath: () => void;
  readonly trace: (line: string) => void;
}

/** A new one each time: one that all await would keep what each of them awaited it for. */
const never = () => new Promise<never>(() => {});
const NEXT = /./;
/** Some 500 is what a process may come to; beyond this it does the same thing over and over. */
const OPERATIONS_MAX = 20_000;
const LOG = /\.incr\.aof$/;

export class ProcessFiles implements Files {
  isDead = false;
  count = 0;
  /** Dies in the operation with this number. */
  dieAt = Number.POSITIVE_INFINITY;
  /** Dies in the next operation of this kind. */
  dieOn: FileOperation | null = null;
  /** Operations that failed; fdatasyncs of logs among them, and their fsyncs. */
  faults = 0;
  failedDatasyncs = 0;
  failedSyncs = 0;
  /** What is in the kernel's hands. */
  private readonly held = new Set<Hold>();

  constructor(readonly options: ProcessFilesOptions) {}

  /** The process is gone; what was under way happens or not. */
  die(): void {
    if (this.isDead) return;
    this.isDead = true;
    const { random, onDeath } = this.options;
    onDeath();
    for (const hold of this.held) random.chance(0.5) ? hold.go() : hold.drop();
  }

  get runsAway(): boolean {
    return this.count > OPERATIONS_MAX;
  }

  /** It may live. */
  spare(): void {
    this.dieAt = Number.POSITIVE_INFINITY;
    this.dieOn = null;
  }

  /** Some operation waits for a disk that stalls. */
  get isHolding(): boolean {
    return this.held.size > 0;
  }

  /** What hangs goes on. */
  release(): void {
    for (const hold of this.held) hold.go();
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const handle = await this.run('open', path, () => this.options.disk.open(path, mode));
    return new ProcessHandle(this, handle, path);
  }

  readFile(path: string, limit: number): Promise<Buffer> {
    return this.run('readFile', path, () => this.options.disk.readFile(path, limit));
  }

  stat(path: string): Promise<FileStat> {
    return this.run('stat', path, () => this.options.disk.stat(path));
  }

  lstat(path: string): Promise<FileStat> {
    return this.run('lstat', path, () => this.options.disk.lstat(path));
  }

  mkdir(path: string): Promise<void> {
    return this.run('mkdir', path, () => this.options.disk.mkdir(path));
  }

  readdir(path: string): Promise<string[]> {
    return this.run('readdir', path, () => this.options.disk.readdir(path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.run('rename', to, () => this.options.disk.rename(from, to));
  }

  link(existing: string, path: string): Promise<void> {
    return this.run('link', path, () => this.options.disk.link(existing, path));
  }

  unlink(path: string): Promise<void> {
    return this.run('unlink', path, () => this.options.disk.unlink(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.run('syncDirectory', path, () => this.options.disk.syncDirectory(path));
  }

  /** `act` begins one operation of the disk, synchronously. `bytes`: what it writes. */
  async run<T>(operation: FileOperation, path: string, act: () => Promise<T>, bytes = 0): Promise<T> {
    if (this.isDead) return never();
    const { disk, random, faults, situations, holdOf, trace } = this.options;
    this.count += 1;
    if (this.count > OPERATIONS_MAX) return never();
    if (this.count >= this.dieAt || operation === this.dieOn) return this.dieIn(operation, path, act, bytes);
    const fault = faults.take(operation, path);
    if (fault !== null) {
      const { code, happensFirst } = fault;
      this.faults += 1;
      if (code === 'short') disk.failNext(NEXT, { bytes: random.between(1, bytes) });
      else disk.failNext(NEXT, { code, happensFirst });
      const what = `${operation} ${code}${happensFirst ? ' afterwards' : ''}`;
      situations.note(`fault: ${what}`);
      trace(`  fault: ${what} ${path}`);
      if (operation === 'datasync' && LOG.test(path)) this.failedDatasyncs += 1;
      if (operation === 'sync' && LOG.test(path)) this.failedSyncs += 1;
    }
    const hold = holdOf(operation);
    if (hold !== null) {
      situations.note(`held: ${operation}`);
      trace(`  held: ${operation} ${path}`);
      this.held.add(hold);
      disk.pace = () => hold.until;
    }
    const begun = act();
    disk.pace = () => undefined;
    try {
      const result = await begun;
      return this.isDead ? never() : result;
    } catch (error) {
      if (this.isDead) return never();
      throw error;
    } finally {
      if (hold !== null) this.held.delete(hold);
    }
  }

  private async dieIn(operation: FileOperation, path: string, act: () => Promise<unknown>, bytes: number): Promise<never> {
    const { disk, random, situations, trace } = this.options;
    const how = random.pick(bytes > 1 ? ['before', 'after', 'in the middle of'] : ['before', 'after']);
    trace(`  dies ${how} ${operation} ${path}`);
    situations.note(`death in: ${operation}`);
    this.die();
    if (how === 'in the middle of') disk.failNext(NEXT, { bytes: random.between(1, bytes - 1) });
    if (how !== 'before') await act().catch(() => undefined);
    return never();
  }
}

class ProcessHandle implements FileHandle {
  constructor(
    private readonly files: ProcessFiles,
    private readonly handle: FileHandle,
    private readonly path: string,
  ) {}

  write(buffers: readonly Uint8Array[]): Promise<number> {
    const bytes = buffers.reduce((sum, { length }) => sum + length, 0);
    return this.files.run('write', this.path, () => this.handle.write(buffers), bytes);
  }

  writeSync(buffers: readonly Uint8Array[]): number {
    return this.files.isDead ? 0 : this.handle.writeSync(buffers);
  }

  read(into: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.files.run('read', this.path, () => this.handle.read(into, offset, length, position));
  }

  datasync(): Promise<void> {
    return this.files.run('datasync', this.path, () => this.handle.datasync());
  }

  sync(): Promise<void> {
    return this.files.run('sync', this.path, () => this.handle.sync());
  }

  truncate(size: number): Promise<void> {
    return this.files.run('truncate', this.path, () => this.handle.truncate(size));
  }

  stat(): Promise<FileStat> {
    return this.files.run('stat', this.path, () => this.handle.stat());
  }

  close(): Promise<void> {
    return this.files.run('close', this.path, () => this.handle.close());
  }
}
