/**
 * The file port over a simulated disk (disk.ts): the live image is what its users see, crashStates() is what a power loss would
 * leave. Every operation is counted and named in `operations`; `failAt`, `failNext` and `failSometimes` make some of them fail, and `pace` may
 * delay each of them, so that tests can step through interleavings. Errors carry the errno codes that node:fs would give.
 *
 * A sync covers what had returned when it was called, not what returned while it ran. What has an effect is recorded in `trace`
 * (disk-operation.ts), together with the marks that a workload makes.
 */
import type { FileHandle, FileStat, Files, OpenMode } from '../../../src/env/files.js';
import type { Random } from '../seeded-random.js';
import { type CrashStatesOptions, crashStates } from './crash-states.js';
import { Disk } from './disk.js';
import type { DiskOperation } from './disk-operation.js';
import { type Image, parentOf } from './image.js';
import type { Inode } from './inode.js';

export interface SimFault {
  /** errno name; without one the operation succeeds, which is of use with `bytes`. */
  readonly code?: string;
  /** It fails although what it does has been done, as a rename or an fsync may. */
  readonly happensFirst?: boolean;
  /** A write takes this many bytes at most. With a code: it has taken them, and fails. */
  readonly bytes?: number;
}

interface NamedFault {
  readonly operation: RegExp;
  readonly fault: SimFault;
  /** How often it happens. */
  left: number;
}

const NO_FILE = { directory: 'EISDIR', symlink: 'ELOOP' } as const;

export class SimFiles implements Files {
  /** `name path`, in order: `open:create /a/b`, `write /a/b`, `datasync /a/b`, `rename /a/b`, `syncDirectory /a`. */
  readonly operations: string[] = [];
  /** What had an effect, in order. */
  readonly trace: DiskOperation[] = [];
  /** Awaited before each operation that is not synchronous. */
  pace: (operation: string) => void | Promise<void> = () => undefined;
  /** What becomes of each operation that had an effect, and each mark: for those who look at the disk in between. */
  onEffect: (operation: DiskOperation) => void = () => undefined;
  private readonly faults = new Map<number, SimFault>();
  private namedFaults: NamedFault[] = [];
  private sometimes: { random: Random; probability: number; operation: RegExp; codes: readonly string[] } | null = null;
  private syncs = 0;

  /** Makes directories at once, as if they had always been there. */
  constructor(...directories: string[]) {
    for (const path of directories) this.disk.putNode(path, 'directory');
  }

  // A field, so that the two ways out of a crash can bring their own.
  disk = new Disk();

  /** Over this disk itself, not a copy. */
  static over(disk: Disk): SimFiles {
    const files = new SimFiles();
    files.disk = disk;
    return files;
  }

  // ------------------------------------------------------------------------------------------------------ crashes

  /** What a power loss now may leave. */
  crashStates(options: CrashStatesOptions = {}): Iterable<Image> {
    return crashStates(this.disk, options);
  }

  /** What a process finds after this one was killed: the page cache is still there, and nothing more is durable than before. */
  afterKill(): SimFiles {
    return SimFiles.over(this.disk.clone());
  }

  /** What a process finds after a power loss that left this image. */
  static afterPowerLoss(image: Image): SimFiles {
    return SimFiles.over(Disk.of(image));
  }

  // ------------------------------------------------------------------------------------------------------- faults

  /** The operation with this index in `operations` (from 0) fails with this errno, or as the fault says. */
  failAt(index: number, fault: string | SimFault, happensFirst = false): void {
    this.faults.set(index, typeof fault === 'string' ? { code: fault, happensFirst } : fault);
  }

  /** The next `times` operations whose name matches fail; Infinity: until heal(). */
  failNext(operation: RegExp, fault: string | SimFault, { times = 1, happensFirst = false } = {}): void {
    this.namedFaults.push({
      operation,
      fault: typeof fault === 'string' ? { code: fault, happensFirst } : fault,
      left: times,
    });
  }

  /** Each operation whose name matches fails with this probability, before or after its effect. Until heal(). */
  failSometimes(random: Random, probability: number, operation: RegExp, codes: readonly string[]): void {
    this.sometimes = { random, probability, operation, codes };
  }

  /** Whatever failNext() and failSometimes() announced and has not happened does not happen. */
  heal(): void {
    this.namedFaults = [];
    this.sometimes = null;
  }

  // ---------------------------------------------------------------------------------------- around the operations

  /** What the process promised by now: recorded in the trace. */
  mark(what: string, text: string): void {
    this.effect({ op: 'mark', what, text });
  }

  /** Puts a file there, durably, without counting operations. */
  put(path: string, content: string | Uint8Array): void {
    this.disk.putNode(path, 'file').put(Buffer.from(content));
  }

  putSymlink(path: string): void {
    this.disk.putNode(path, 'symlink');
  }

  /** Removes a file, or a directory with all in it, durably. */
  remove(path: string): void {
    this.disk.forget(path);
  }

  /** Content as latin1 text; null where there is no file. */
  content(path: string): string | null {
    const node = this.disk.live.get(path);
    return node?.kind === 'file' ? node.live.toString('latin1') : null;
  }

  /** null where nothing is. */
  inoOf(path: string): number | null {
    return this.disk.live.get(path)?.ino ?? null;
  }

  /** Every path but the root, sorted. */
  paths(): string[] {
    return [...this.disk.live.keys()].filter((path) => path !== '/').sort();
  }

  // ---------------------------------------------------------------------------------------------------- the port

  open(path: string, mode: OpenMode): Promise<FileHandle> {
    return this.run(`open:${mode} ${path}`, () => {
      const found = this.disk.live.get(path);
      if (found === undefined && (mode === 'read' || mode === 'append' || mode === 'update')) throw errno('ENOENT', path);
      if (found !== undefined && mode === 'create') throw errno('EEXIST', path);
      if (found !== undefined && found.kind !== 'file') throw errno(NO_FILE[found.kind], path);
      if (found === undefined) {
        this.needDirectory(path);
        this.effect({ op: 'create', path, ino: this.disk.newIno() });
      } else if (mode === 'replace' && found.size > 0) {
        this.effect({ op: 'truncate', ino: found.ino, size: 0 });
      }
      return new SimHandle(this, this.nodeAt(path), path);
    });
  }

  readFile(path: string, limit: number): Promise<Buffer> {
    return this.run(`readFile ${path}`, () => {
      const node = this.nodeAt(path);
      if (node.kind !== 'file') throw errno(NO_FILE[node.kind], path);
      if (node.size > limit) throw errno('EFBIG', path);
      return Buffer.from(node.live);
    });
  }

  stat(path: string): Promise<FileStat> {
    return this.run(`stat ${path}`, () => statOf(this.nodeAt(path)));
  }

  lstat(path: string): Promise<FileStat> {
    return this.run(`lstat ${path}`, () => statOf(this.nodeAt(path)));
  }

  mkdir(path: string): Promise<void> {
    return this.run(`mkdir ${path}`, () => {
      if (this.disk.live.has(path)) throw errno('EEXIST', path);
      this.needDirectory(path);
      this.effect({ op: 'mkdir', path, ino: this.disk.newIno() });
    });
  }

  readdir(path: string): Promise<string[]> {
    return this.run(`readdir ${path}`, () => {
      if (this.nodeAt(path).kind !== 'directory') throw errno('ENOTDIR', path);
      const inside = [...this.disk.live.keys()].filter((name) => name !== '/' && parentOf(name) === path);
      return inside.map((name) => name.slice(path === '/' ? 1 : path.length + 1));
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.run(`rename ${from}`, () => {
      this.nodeAt(from);
      this.needDirectory(to);
      this.effect({ op: 'rename', from, to });
    });
  }

  link(existing: string, path: string): Promise<void> {
    return this.run(`link ${existing}`, () => {
      this.nodeAt(existing);
      if (this.disk.live.has(path)) throw errno('EEXIST', path);
      this.needDirectory(path);
      this.effect({ op: 'link', from: existing, to: path });
    });
  }

  unlink(path: string): Promise<void> {
    return this.run(`unlink ${path}`, () => {
      if (this.nodeAt(path).kind === 'directory') throw errno('EISDIR', path);
      this.effect({ op: 'unlink', path });
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.runSync(`syncDirectory ${path}`, (begun, failed) => {
      if (this.nodeAt(path).kind !== 'directory') throw errno('ENOTDIR', path);
      this.effect({ op: 'syncDirectory', path, begun, failed });
    });
  }

  // ----------------------------------------------------------------------------------------------- for the handles

  /** Counts, delays and perhaps fails an operation. */
  async run<T>(operation: string, act: (fault: SimFault | undefined) => T): Promise<T> {
    const fault = this.count(operation);
    await this.pace(operation);
    if (fault?.code === undefined) return act(fault);
    if (fault.happensFirst === true || fault.bytes !== undefined) act(fault);
    throw errno(fault.code, operation);
  }

  /** As run(), for a sync: `act` is told when it began, and whether it failed; one that fails has its effect too, a bad one. */
  async runSync(operation: string, act: (begun: number, failed: boolean) => void): Promise<void> {
    const fault = this.count(operation);
    const begun = this.syncs++;
    this.effect({ op: 'begin', id: begun });
    await this.pace(operation);
    const failed = fault?.code !== undefined && fault.happensFirst !== true;
    act(begun, failed);
    if (fault?.code !== undefined) throw errno(fault.code, operation);
  }

  /** At once, and only what came before it. */
  runNow<T>(operation: string, act: (fault: SimFault | undefined) => T): T {
    const fault = this.count(operation);
    if (fault?.code !== undefined) throw errno(fault.code, operation);
    return act(fault);
  }

  effect(operation: DiskOperation): void {
    this.trace.push(operation);
    this.disk.apply(operation);
    this.onEffect(operation);
  }

  private count(operation: string): SimFault | undefined {
    this.operations.push(operation);
    const named = this.namedFaults.find((fault) => fault.left > 0 && fault.operation.test(operation));
    if (named !== undefined) {
      named.left -= 1;
      return named.fault;
    }
    const { sometimes } = this;
    if (sometimes?.operation.test(operation) && sometimes.random.chance(sometimes.probability)) {
      return { code: sometimes.random.pick(sometimes.codes), happensFirst: sometimes.random.chance(0.5) };
    }
    return this.faults.get(this.operations.length - 1);
  }

  private nodeAt(path: string): Inode {
    const node = this.disk.live.get(path);
    if (node === undefined) throw errno('ENOENT', path);
    return node;
  }

  private needDirectory(path: string): void {
    if (this.nodeAt(parentOf(path)).kind !== 'directory') throw errno('ENOTDIR', path);
  }
}

class SimHandle implements FileHandle {
  private isClosed = false;

  constructor(
    private readonly files: SimFiles,
    private readonly node: Inode,
    private readonly path: string,
  ) {}

  write(buffers: readonly Uint8Array[]): Promise<number> {
    return this.run('write', (fault) => this.append(buffers, fault));
  }

  writeSync(buffers: readonly Uint8Array[]): number {
    return this.files.runNow(`write ${this.path}`, (fault) => this.append(buffers, fault));
  }

  read(into: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.run('read', () => {
      const part = this.node.live.subarray(position, position + length);
      into.set(part, offset);
      return part.length;
    });
  }

  datasync(): Promise<void> {
    return this.sync('datasync');
  }

  sync(name = 'sync'): Promise<void> {
    return this.files.runSync(`${name} ${this.path}`, (begun, failed) => {
      this.needOpen();
      this.files.effect({ op: 'sync', ino: this.node.ino, begun, failed });
    });
  }

  truncate(size: number): Promise<void> {
    return this.run('truncate', () => this.files.effect({ op: 'truncate', ino: this.node.ino, size }));
  }

  stat(): Promise<FileStat> {
    return this.run('stat', () => statOf(this.node));
  }

  close(): Promise<void> {
    return this.run('close', () => {
      this.isClosed = true;
    });
  }

  private append(buffers: readonly Uint8Array[], fault: SimFault | undefined): number {
    const all = Buffer.concat(buffers);
    const bytes = all.subarray(0, fault?.bytes ?? all.length);
    if (bytes.length > 0) this.files.effect({ op: 'write', ino: this.node.ino, at: this.node.size, bytes });
    return bytes.length;
  }

  private run<T>(operation: string, act: (fault: SimFault | undefined) => T): Promise<T> {
    return this.files.run(`${operation} ${this.path}`, (fault) => {
      this.needOpen();
      return act(fault);
    });
  }

  private needOpen(): void {
    if (this.isClosed) throw errno('EBADF', this.path);
  }
}

function statOf(node: Inode): FileStat {
  return {
    size: node.size,
    isFile: node.kind === 'file',
    isDirectory: node.kind === 'directory',
    isSymbolicLink: node.kind === 'symlink',
    nlink: node.nlink,
    ino: node.ino,
    dev: 1,
    mtimeMs: node.mtimeMs,
  };
}

function errno(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
