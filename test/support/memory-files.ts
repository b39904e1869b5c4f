/**
 * The file port over a tree in memory. It shows the live image only: nothing here knows what is durable. Every operation
 * is counted and named in `operations`; `failAt` makes one of them fail, and `pace` may delay each of them, so that tests
 * can step through interleavings. Errors carry the errno codes that node:fs would give.
 */
import type { FileHandle, FileStat, Files, OpenMode } from '../../src/env/files.js';

interface FileNode {
  readonly kind: 'file';
  readonly ino: number;
  bytes: Buffer;
  nlink: number;
  mtimeMs: number;
}

interface OtherNode {
  readonly kind: 'directory' | 'symlink';
  readonly ino: number;
  nlink: number;
}

type Node = FileNode | OtherNode;

const NO_FILE = { directory: 'EISDIR', symlink: 'ELOOP' } as const;

export class MemoryFiles implements Files {
  /** `name path`, in order: `open:create /a/b`, `write /a/b`, `sync /a/b`, `rename /a/b`, `syncDirectory /a`. */
  readonly operations: string[] = [];
  /** Awaited before each operation that is not synchronous. */
  pace: (operation: string) => void | Promise<void> = () => undefined;
  private readonly nodes = new Map<string, Node>([['/', { kind: 'directory', ino: 1, nlink: 2 }]]);
  private readonly faults = new Map<number, { code: string; happensFirst: boolean }>();
  private readonly namedFaults: Array<{ operation: RegExp; code: string; happensFirst: boolean; left: number }> = [];
  private nextIno = 2;

  /** Makes directories at once, as if they had always been there. */
  constructor(...directories: string[]) {
    for (const path of directories) this.nodes.set(path, { kind: 'directory', ino: this.nextIno++, nlink: 2 });
  }

  /**
   * The operation with this index in `operations` (from 0) fails with this errno. `happensFirst`: it fails although what it
   * does has been done, as a rename or an fsync may.
   */
  failAt(index: number, code: string, happensFirst = false): void {
    this.faults.set(index, { code, happensFirst });
  }

  /** The next `times` operations whose name matches fail, as failAt() says. */
  failNext(operation: RegExp, code: string, { times = 1, happensFirst = false } = {}): void {
    this.namedFaults.push({ operation, code, happensFirst, left: times });
  }

  /** Whatever failNext() announced and has not happened does not happen. */
  heal(): void {
    this.namedFaults.length = 0;
  }

  /** Puts a file there without counting operations. */
  put(path: string, content: string | Uint8Array): void {
    this.nodes.set(path, this.newFile(Buffer.from(content)));
  }

  putSymlink(path: string): void {
    this.nodes.set(path, { kind: 'symlink', ino: this.nextIno++, nlink: 1 });
  }

  /** Removes a file, or a directory with all in it. */
  remove(path: string): void {
    for (const name of this.nodes.keys()) if (name === path || name.startsWith(`${path}/`)) this.nodes.delete(name);
  }

  /** Content as latin1 text; null where there is no file. */
  content(path: string): string | null {
    const node = this.nodes.get(path);
    return node?.kind === 'file' ? node.bytes.toString('latin1') : null;
  }

  /** null where nothing is. */
  inoOf(path: string): number | null {
    return this.nodes.get(path)?.ino ?? null;
  }

  /** Every path but the root, sorted. */
  paths(): string[] {
    return [...this.nodes.keys()].filter((path) => path !== '/').sort();
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    return this.run(`open:${mode} ${path}`, () => {
      const found = this.nodes.get(path);
      if (found === undefined && (mode === 'read' || mode === 'append' || mode === 'update')) throw errno('ENOENT', path);
      if (found !== undefined && mode === 'create') throw errno('EEXIST', path);
      if (found !== undefined && found.kind !== 'file') throw errno(NO_FILE[found.kind], path);
      const node = found ?? this.newFile(Buffer.alloc(0));
      if (found === undefined) this.addEntry(path, node);
      if (mode === 'replace') node.bytes = Buffer.alloc(0);
      return new MemoryHandle(this, node, path);
    });
  }

  async readFile(path: string, limit: number): Promise<Buffer> {
    return this.run(`readFile ${path}`, () => {
      const node = this.nodeAt(path);
      if (node.kind !== 'file') throw errno(NO_FILE[node.kind], path);
      if (node.bytes.length > limit) throw errno('EFBIG', path);
      return Buffer.from(node.bytes);
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
      if (this.nodes.has(path)) throw errno('EEXIST', path);
      this.addEntry(path, { kind: 'directory', ino: this.nextIno++, nlink: 2 });
    });
  }

  readdir(path: string): Promise<string[]> {
    return this.run(`readdir ${path}`, () => {
      if (this.nodeAt(path).kind !== 'directory') throw errno('ENOTDIR', path);
      const prefix = path === '/' ? '/' : `${path}/`;
      const inside = [...this.nodes.keys()].filter((name) => name.startsWith(prefix) && name !== '/');
      return inside.map((name) => name.slice(prefix.length)).filter((name) => !name.includes('/'));
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.run(`rename ${from}`, () => {
      const node = this.nodeAt(from);
      this.dropEntry(to);
      this.addEntry(to, node);
      this.nodes.delete(from);
    });
  }

  link(existing: string, path: string): Promise<void> {
    return this.run(`link ${existing}`, () => {
      const node = this.nodeAt(existing);
      if (this.nodes.has(path)) throw errno('EEXIST', path);
      this.addEntry(path, node);
      node.nlink++;
    });
  }

  unlink(path: string): Promise<void> {
    return this.run(`unlink ${path}`, () => {
      if (this.nodeAt(path).kind === 'directory') throw errno('EISDIR', path);
      this.dropEntry(path);
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.run(`syncDirectory ${path}`, () => void this.nodeAt(path));
  }

  /** Counts, delays and perhaps fails an operation. */
  async run<T>(operation: string, act: () => T): Promise<T> {
    const fault = this.count(operation);
    await this.pace(operation);
    if (fault === undefined) return act();
    if (fault.happensFirst) act();
    throw errno(fault.code, operation);
  }

  runSync<T>(operation: string, act: () => T): T {
    const fault = this.count(operation);
    if (fault !== undefined) throw errno(fault.code, operation);
    return act();
  }

  private count(operation: string): { code: string; happensFirst: boolean } | undefined {
    this.operations.push(operation);
    const named = this.namedFaults.find((fault) => fault.left > 0 && fault.operation.test(operation));
    if (named !== undefined) {
      named.left -= 1;
      return named;
    }
    return this.faults.get(this.operations.length - 1);
  }

  private nodeAt(path: string): Node {
    const node = this.nodes.get(path);
    if (node === undefined) throw errno('ENOENT', path);
    return node;
  }

  private addEntry(path: string, node: Node): void {
    const parent = path.slice(0, path.lastIndexOf('/')) || '/';
    if (this.nodeAt(parent).kind !== 'directory') throw errno('ENOTDIR', path);
    this.nodes.set(path, node);
  }

  private dropEntry(path: string): void {
    const node = this.nodes.get(path);
    if (node !== undefined) node.nlink--;
    this.nodes.delete(path);
  }

  private newFile(bytes: Buffer): FileNode {
    return { kind: 'file', ino: this.nextIno++, bytes, nlink: 1, mtimeMs: 0 };
  }
}

class MemoryHandle implements FileHandle {
  private isClosed = false;

  constructor(
    private readonly files: MemoryFiles,
    private readonly node: FileNode,
    private readonly path: string,
  ) {}

  write(buffers: readonly Uint8Array[]): Promise<number> {
    return this.run('write', () => this.append(buffers));
  }

  writeSync(buffers: readonly Uint8Array[]): number {
    return this.files.runSync(`write ${this.path}`, () => this.append(buffers));
  }

  read(into: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return this.run('read', () => {
      const part = this.node.bytes.subarray(position, position + length);
      into.set(part, offset);
      return part.length;
    });
  }

  datasync(): Promise<void> {
    return this.run('datasync', () => undefined);
  }

  sync(): Promise<void> {
    return this.run('sync', () => undefined);
  }

  truncate(size: number): Promise<void> {
    return this.run('truncate', () => {
      const { bytes } = this.node;
      this.node.bytes =
        size <= bytes.length ? bytes.subarray(0, size) : Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);
    });
  }

  stat(): Promise<FileStat> {
    return this.run('stat', () => statOf(this.node));
  }

  close(): Promise<void> {
    return this.run('close', () => {
      this.isClosed = true;
    });
  }

  private append(buffers: readonly Uint8Array[]): number {
    this.node.bytes = Buffer.concat([this.node.bytes, ...buffers]);
    return buffers.reduce((sum, { length }) => sum + length, 0);
  }

  private run<T>(operation: string, act: () => T): Promise<T> {
    return this.files.run(`${operation} ${this.path}`, () => {
      if (this.isClosed) throw errno('EBADF', this.path);
      return act();
    });
  }
}

function statOf(node: Node): FileStat {
  const isFile = node.kind === 'file';
  return {
    size: isFile ? node.bytes.length : 0,
    isFile,
    isDirectory: node.kind === 'directory',
    isSymbolicLink: node.kind === 'symlink',
    nlink: node.nlink,
    ino: node.ino,
    dev: 1,
    mtimeMs: isFile ? node.mtimeMs : 0,
  };
}

function errno(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}
