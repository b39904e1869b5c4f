/** The real files with faults on demand: short writes, errors, and operations that wait until they are let go. */
import type { FileHandle, Files, OpenMode } from '../../src/env/files.js';

export type Operation = 'write' | 'datasync' | 'truncate' | 'close' | 'open';

export interface Fault {
  /** errno name, or none for success. */
  readonly code?: string;
  /** Bytes that a write takes at most. */
  readonly bytes?: number;
}

export class FaultyFiles {
  /** The n-th entry is for the n-th operation of its kind from now on; without one it succeeds. */
  readonly script: { [operation in Operation]?: (Fault | null)[] } = {};
  /** For each operation of this kind, whatever the script says. */
  readonly always: { [operation in Operation]?: Fault } = {};
  readonly calls: { [operation in Operation]: number } = { write: 0, datasync: 0, truncate: 0, close: 0, open: 0 };
  readonly inFlight: { [operation in Operation]: number } = { write: 0, datasync: 0, truncate: 0, close: 0, open: 0 };
  readonly mostInFlight: { [operation in Operation]: number } = { write: 0, datasync: 0, truncate: 0, close: 0, open: 0 };
  private readonly gates = new Map<Operation, Promise<void>>();
  readonly files: Files;

  constructor(real: Files) {
    this.files = {
      open: (path, mode) => this.open(real, path, mode),
      readFile: (path, limit) => real.readFile(path, limit),
      stat: (path) => real.stat(path),
      lstat: (path) => real.lstat(path),
      mkdir: (path) => real.mkdir(path),
      readdir: (path) => real.readdir(path),
      rename: (from, to) => real.rename(from, to),
      link: (existing, path) => real.link(existing, path),
      unlink: (path) => real.unlink(path),
      syncDirectory: (path) => real.syncDirectory(path),
    };
  }

  /** Operations of this kind wait until the returned function is called. */
  hold(operation: Operation): () => void {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.gates.set(operation, gate);
    return () => {
      if (this.gates.get(operation) === gate) this.gates.delete(operation);
      release();
    };
  }

  private async open(real: Files, path: string, mode: OpenMode): Promise<FileHandle> {
    const handle = await this.run('open', () => real.open(path, mode));
    return {
      write: (buffers) =>
        this.run('write', (fault) => handle.write(fault?.bytes === undefined ? buffers : cut(buffers, fault.bytes))),
      writeSync: (buffers) => handle.writeSync(buffers),
      read: (into, offset, length, position) => handle.read(into, offset, length, position),
      datasync: () => this.run('datasync', () => handle.datasync()),
      sync: () => handle.sync(),
      truncate: (size) => this.run('truncate', () => handle.truncate(size)),
      stat: () => handle.stat(),
      close: () =>
        this.run('close', () => handle.close()).catch(async (error: unknown) => {
          await handle.close();
          throw error;
        }),
    };
  }

  private async run<T>(operation: Operation, perform: (fault: Fault | null) => Promise<T>): Promise<T> {
    this.calls[operation] += 1;
    this.inFlight[operation] += 1;
    this.mostInFlight[operation] = Math.max(this.mostInFlight[operation], this.inFlight[operation]);
    const fault = this.always[operation] ?? this.script[operation]?.shift() ?? null;
    try {
      await this.gates.get(operation);
      if (fault?.code !== undefined)
        throw Object.assign(new Error(`${fault.code}: injected, ${operation}`), { code: fault.code });
      return await perform(fault);
    } finally {
      this.inFlight[operation] -= 1;
    }
  }
}

function cut(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  let left = bytes;
  for (const buffer of buffers) {
    out.push(buffer.subarray(0, left));
    left -= buffer.length;
    if (left <= 0) break;
  }
  return out;
}
