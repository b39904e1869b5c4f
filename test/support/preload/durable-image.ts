/**
 * What a directory certainly has on disk, from a trace: bytes that a successful fsync or fdatasync of their file covered, names that
 * an fsync of their directory covered. A sync covers what had returned before it was issued. A failed one gives its bytes up
 * for good: the pages count as clean, so that a later sync of the same file leaves zeros there.
 */
import { createHash } from 'node:crypto';
import { constants, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { constants as os } from 'node:os';
import { dirname, join } from 'node:path';
import type { TraceRecord } from './trace.js';

interface FileNode {
  live: Buffer;
  durable: Buffer;
  /** Up to here no byte is dirty. */
  clean: number;
  /** Ranges that a failed sync gave up. */
  lost: Range[];
}

type Range = readonly [from: number, to: number];
type Names = Map<string, number | 'directory'>;

export class DurableImage {
  private readonly files = new Map<number, FileNode>();
  private readonly live: Names = new Map();
  private readonly durable: Names = new Map();

  /** What stands in `root` now counts as durable. */
  constructor(private readonly root: string) {
    this.adopt(root);
  }

  replay(records: readonly TraceRecord[]): void {
    const events = records.flatMap((record): { at: number; run: () => void }[] => {
      if (!['fsync', 'fdatasync', 'dirsync'].includes(record.kind)) return [{ at: record.ended, run: () => this.apply(record) }];
      let end = () => {};
      return [
        {
          at: record.begun,
          run: () => {
            end = this.beginSync(record);
          },
        },
        { at: record.ended, run: () => end() },
      ];
    });
    for (const event of events.sort((a, b) => a.at - b.at)) event.run();
  }

  /** Tells whether two images are the same. */
  signature(names: 'durable' | 'live', bytes: 'durable' | 'live'): string {
    const hash = createHash('sha1');
    for (const [path, content] of this.entries(names, bytes))
      hash.update(`${path} ${content?.length ?? -1}\n`).update(content ?? '');
    return hash.digest('hex');
  }

  /** Every name and byte of `names` as of the last sync; live: as the process saw them. */
  materialize(into: string, names: 'durable' | 'live', bytes: 'durable' | 'live' = 'durable'): void {
    mkdirSync(into, { recursive: true });
    for (const [path, content] of this.entries(names, bytes)) {
      const place = join(into, path);
      if (content === null) mkdirSync(place);
      else writeFileSync(place, content);
    }
  }

  /** From the top down; null: a directory. */
  private entries(names: 'durable' | 'live', bytes: 'durable' | 'live'): [path: string, content: Buffer | null][] {
    const found: [string, Buffer | null][] = [];
    for (const [path, target] of [...this[names]].sort(([a], [b]) => (a < b ? -1 : 1))) {
      // A lock file says which boot it is from, and after a power loss that is an earlier one.
      if (path.includes('.lock.') || (names === 'durable' && !this.isReachable(path))) continue;
      const content = target === 'directory' ? null : (this.files.get(target)?.[bytes] ?? Buffer.alloc(0));
      found.push([path.slice(this.root.length), content]);
    }
    return found;
  }

  private isReachable(path: string): boolean {
    const parent = dirname(path);
    return parent === this.root || (this.durable.get(parent) === 'directory' && this.isReachable(parent));
  }

  private adopt(directory: string): void {
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      const stat = statSync(path);
      const target = stat.isDirectory() ? ('directory' as const) : stat.ino;
      this.live.set(path, target);
      this.durable.set(path, target);
      if (target === 'directory') this.adopt(path);
      else {
        const bytes = readFileSync(path);
        this.files.set(stat.ino, { live: bytes, durable: bytes, clean: bytes.length, lost: [] });
      }
    }
  }

  private apply({ kind, result, inode, offset, data, path, other }: TraceRecord): void {
    if (result < 0) return;
    switch (kind) {
      case 'open':
        // A made file has a fresh inode, even where the number was used before.
        if (other === 'new') this.files.set(inode, { live: Buffer.alloc(0), durable: Buffer.alloc(0), clean: 0, lost: [] });
        if (other === 'new') this.live.set(path, inode);
        if ((offset & constants.O_TRUNC) !== 0) this.truncate(inode, 0);
        return;
      case 'write':
        this.write(inode, offset, data);
        return;
      case 'truncate':
        this.truncate(inode, offset);
        return;
      case 'rename':
        this.rename(path, other);
        return;
      case 'link':
        this.live.set(other, this.live.get(path) ?? 0);
        return;
      case 'unlink':
        this.live.delete(path);
        return;
      case 'mkdir':
        this.live.set(path, 'directory');
        return;
    }
  }

  private write(inode: number, offset: number, data: Buffer): void {
    const file = this.files.get(inode);
    if (file === undefined) return;
    const live = Buffer.alloc(Math.max(file.live.length, offset + data.length));
    file.live.copy(live);
    data.copy(live, offset);
    file.live = live;
    file.clean = Math.min(file.clean, offset);
  }

  private truncate(inode: number, size: number): void {
    const file = this.files.get(inode);
    if (file === undefined) return;
    const live = Buffer.alloc(size);
    file.live.copy(live);
    file.live = live;
    file.clean = Math.min(file.clean, size);
    file.lost = file.lost.map(([from, to]) => [from, Math.min(to, size)] as const).filter(([from, to]) => from < to);
  }

  private rename(from: string, to: string): void {
    const target = this.live.get(from);
    if (target === undefined) return;
    this.live.delete(from);
    this.live.set(to, target);
  }

  /** Returns what happens when it has returned. */
  private beginSync({ kind, inode, path, result, errno }: TraceRecord): () => void {
    if (kind === 'dirsync') {
      const names = new Map([...this.live].filter(([name]) => dirname(name) === path));
      return () => {
        if (result < 0) return;
        for (const name of [...this.durable.keys()]) if (dirname(name) === path) this.durable.delete(name);
        for (const [name, target] of names) this.durable.set(name, target);
      };
    }
    const file = this.files.get(inode);
    if (file === undefined) return () => {};
    const covered = file.live;
    const { clean } = file;
    if (result < 0) {
      // A call that a signal interrupted has given up nothing.
      if (errno === os.errno.EINTR) return () => {};
      return () => {
        file.lost.push([clean, covered.length]);
        file.clean = covered.length;
      };
    }
    return () => {
      const bytes = Buffer.from(covered);
      for (const [from, to] of file.lost) bytes.fill(0, from, Math.min(to, bytes.length));
      file.durable = bytes;
      file.clean = Math.max(file.clean, covered.length);
    };
  }
}
