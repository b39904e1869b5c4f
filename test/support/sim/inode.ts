/**
 * One inode, live and durable. `live` is what readers see. What a crash leaves is made of `base`, which is certain, and of the
 * changes since, each of which may be kept, lost or torn until a sync settles it.
 *
 * A sync that failed makes the writes it should have covered doubtful: the kernel has marked the pages clean, so no later sync writes
 * them, although readers still see them and that sync returns 0 (measured on ext4). They may be on disk, or not, for ever. Nor does it
 * help to write the same bytes there again: ext4 writes the pages then, into extents that it goes on to hold for never written, and the
 * sync returns 0 (test/crash/write-again). A size is metadata, which a failed sync of data leaves to the journal and the next sync.
 */
export type DataChange = (
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number }
) & { readonly when: number; state: 'pending' | 'doubtful' | 'settled' };

export class Inode {
  base: Buffer = Buffer.alloc(0);
  changes: DataChange[] = [];
  nlink = 0;
  mtimeMs = 0;
  private buffer: Buffer = Buffer.alloc(0);
  private length = 0;

  constructor(
    readonly kind: 'file' | 'directory' | 'symlink',
    readonly ino: number,
  ) {}

  get live(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  get size(): number {
    return this.length;
  }

  /** Bytes that were always there. */
  put(bytes: Uint8Array): void {
    this.base = Buffer.from(bytes);
    this.buffer = Buffer.from(bytes);
    this.length = bytes.length;
    this.changes = [];
  }

  write(at: number, bytes: Uint8Array, when: number): void {
    this.resizeLive(Math.max(this.length, at + bytes.length));
    this.buffer.set(bytes, at);
    this.changes.push({ kind: 'write', at, bytes: Buffer.from(bytes), when, state: 'pending' });
  }

  truncate(size: number, when: number): void {
    this.resizeLive(size);
    this.changes.push({ kind: 'truncate', size, when, state: 'pending' });
  }

  /** What was changed before `when` is certain, unless it is doubtful, or was written to pages of which something is. */
  settle(when: number): void {
    let given: Array<{ from: number; to: number }> = [];
    for (const change of this.changes) {
      if (change.when >= when) break;
      if (change.kind === 'truncate') {
        const { size } = change;
        given = given.filter(({ from }) => from < size).map(({ from, to }) => ({ from, to: Math.min(to, size) }));
        change.state = 'settled';
        continue;
      }
      const pages = pagesOf(change.at, change.at + change.bytes.length);
      const isGiven = change.state === 'doubtful' || given.some(({ from, to }) => from < pages.to && to > pages.from);
      if (isGiven) given.push(pages);
      if (change.state === 'pending') change.state = isGiven ? 'doubtful' : 'settled';
    }
    const firstOpen = this.changes.findIndex(({ state }) => state !== 'settled');
    const certain = this.changes.splice(0, firstOpen < 0 ? this.changes.length : firstOpen);
    if (certain.length > 0) this.base = applyChanges(this.base, certain);
  }

  doubt(when: number): void {
    for (const change of this.changes)
      if (change.when < when && change.kind === 'write' && change.state === 'pending') change.state = 'doubtful';
  }

  clone(): Inode {
    const copy = new Inode(this.kind, this.ino);
    copy.base = this.base;
    copy.changes = this.changes.map((change) => ({ ...change }));
    copy.nlink = this.nlink;
    copy.mtimeMs = this.mtimeMs;
    copy.buffer = Buffer.from(this.live);
    copy.length = this.length;
    return copy;
  }

  private resizeLive(size: number): void {
    if (size > this.buffer.length) {
      const grown = Buffer.alloc(Math.max(size, this.buffer.length * 2));
      grown.set(this.live);
      this.buffer = grown;
    } else if (size < this.length) {
      this.buffer.fill(0, size, this.length);
    }
    this.length = size;
  }
}

const PAGE_BYTES = 4096;

function pagesOf(from: number, to: number): { from: number; to: number } {
  return { from: from - (from % PAGE_BYTES), to: Math.ceil(to / PAGE_BYTES) * PAGE_BYTES };
}

/** `base` after these, in order; zeros where nothing was written. */
export function applyChanges(base: Buffer, changes: readonly DataChange[]): Buffer {
  let size = base.length;
  let most = size;
  for (const change of changes) {
    size = change.kind === 'truncate' ? change.size : Math.max(size, change.at + change.bytes.length);
    most = Math.max(most, size);
  }
  const out = Buffer.alloc(most);
  out.set(base);
  let end = base.length;
  for (const change of changes) {
    if (change.kind === 'write') {
      out.set(change.bytes, change.at);
      end = Math.max(end, change.at + change.bytes.length);
    } else {
      if (change.size < end) out.fill(0, change.size, end);
      end = change.size;
    }
  }
  return out.subarray(0, end);
}
