/**
 * A disk behind a page cache: what a process sees, and what is certain to survive. Every operation is made of two parts which become
 * durable apart from each other, as POSIX allows and ext4 at its worst does: bytes by a sync of the file, directory entries by
 * a sync of the directory. A sync of a file says nothing of its entry. Pure and synchronous; SimFiles puts the file port and
 * faults over it, replay.ts a recorded trace, crash-states.ts counts what may be left.
 */
import type { DiskOperation } from './disk-operation.js';
import { Content, Image, parentOf } from './image.js';
import { Inode } from './inode.js';

/** One step of one or two entries, kept or lost as a whole. null: the entry goes. */
export interface EntryChange {
  readonly what: string;
  readonly when: number;
  readonly sets: Map<string, Inode | null>;
  /** Directories whose sync settles all of it. */
  readonly home: string;
}

export class Disk {
  /** What a process sees. */
  readonly live = new Map<string, Inode>();
  /** Entries that are certain. */
  readonly durable = new Map<string, Inode>();
  entryChanges: EntryChange[] = [];
  /** Number of the next operation. */
  when = 0;
  private readonly numbers = new Map<number, Inode>();
  private readonly begun = new Map<number, number>();
  private nextIno = 2;

  constructor() {
    const root = new Inode('directory', 1);
    root.nlink = 2;
    this.live.set('/', root);
    this.durable.set('/', root);
  }

  /** Everything in the image is durable. */
  static of(image: Image): Disk {
    const disk = new Disk();
    for (const [path, content] of image.tree) {
      const inode = disk.putNode(path, content === null ? 'directory' : 'file');
      if (content !== null) inode.put(content.bytes);
    }
    return disk;
  }

  /** As if it had always been there. */
  putNode(path: string, kind: Inode['kind']): Inode {
    const inode = new Inode(kind, this.nextIno++);
    inode.nlink = kind === 'directory' ? 2 : 1;
    this.numbers.set(inode.ino, inode);
    this.live.set(path, inode);
    this.durable.set(path, inode);
    return inode;
  }

  /** As if it had never been there, with all in it. */
  forget(path: string): void {
    for (const name of [...this.live.keys(), ...this.durable.keys()]) {
      if (name !== path && !name.startsWith(`${path}/`)) continue;
      const inode = this.live.get(name);
      if (inode !== undefined) inode.nlink = 0;
      this.live.delete(name);
      this.durable.delete(name);
      for (const change of this.entryChanges) change.sets.delete(name);
    }
  }

  newIno(): number {
    return this.nextIno++;
  }

  /** Takes the effect of an operation that is legal. */
  apply(operation: DiskOperation): void {
    const when = this.when++;
    switch (operation.op) {
      case 'create':
      case 'mkdir':
        this.create(operation.op, operation.path, operation.ino, when);
        break;
      case 'open':
        this.numbers.set(operation.ino, this.at(operation.path));
        break;
      case 'write':
        this.numbered(operation.ino).write(operation.at, operation.bytes, when);
        break;
      case 'truncate':
        this.numbered(operation.ino).truncate(operation.size, when);
        break;
      case 'begin':
        this.begun.set(operation.id, when);
        break;
      case 'sync': {
        const inode = this.numbered(operation.ino);
        const covered = this.takeBegun(operation.begun, when);
        if (operation.failed === true) inode.doubt(covered);
        else inode.settle(covered);
        break;
      }
      case 'syncDirectory': {
        const covered = this.takeBegun(operation.begun, when);
        if (operation.failed !== true) this.settleEntries(operation.path, covered);
        break;
      }
      case 'rename':
        this.rename(operation.from, operation.to, when);
        break;
      case 'link': {
        const inode = this.at(operation.from);
        inode.nlink++;
        this.change('link', when, [[operation.to, inode]]);
        break;
      }
      case 'unlink':
        this.at(operation.path).nlink--;
        this.change('unlink', when, [[operation.path, null]]);
        break;
      case 'mark':
        break;
    }
  }

  /** What a process sees, as if all of it were on disk. */
  liveImage(how = 'live'): Image {
    return new Image(
      imageTree(this.live, (inode) => new Content(Buffer.from(inode.live))),
      how,
    );
  }

  /** The same live and durable state, on its own from here on. */
  clone(): Disk {
    const copy = new Disk();
    const twins = new Map<Inode, Inode>();
    const twin = (inode: Inode): Inode => {
      const known = twins.get(inode) ?? inode.clone();
      twins.set(inode, known);
      return known;
    };
    for (const [path, inode] of this.live) copy.live.set(path, twin(inode));
    for (const [path, inode] of this.durable) copy.durable.set(path, twin(inode));
    for (const [ino, inode] of this.numbers) copy.numbers.set(ino, twin(inode));
    for (const change of this.entryChanges) {
      const sets = new Map([...change.sets].map(([path, inode]) => [path, inode === null ? null : twin(inode)]));
      copy.entryChanges.push({ ...change, sets });
    }
    copy.when = this.when;
    copy.nextIno = this.nextIno;
    return copy;
  }

  private create(what: 'create' | 'mkdir', path: string, ino: number, when: number): void {
    const inode = new Inode(what === 'mkdir' ? 'directory' : 'file', ino);
    inode.nlink = what === 'mkdir' ? 2 : 1;
    this.numbers.set(ino, inode);
    this.nextIno = Math.max(this.nextIno, ino + 1);
    this.change(what, when, [[path, inode]]);
  }

  private rename(from: string, to: string, when: number): void {
    const inode = this.at(from);
    const replaced = this.live.get(to);
    if (replaced === inode) return;
    if (replaced !== undefined) replaced.nlink--;
    this.change('rename', when, [
      [to, inode],
      [from, null],
    ]);
  }

  private change(what: string, when: number, sets: Array<[string, Inode | null]>): void {
    for (const [path, inode] of sets) {
      if (inode === null) this.live.delete(path);
      else this.live.set(path, inode);
    }
    const path = (sets[sets.length - 1] as [string, unknown])[0];
    this.entryChanges.push({ what: `${what} ${path}`, when, sets: new Map(sets), home: parentOf(path) });
  }

  /**
   * A rename between directories is certain when the one it came from is synced. When the other one is, the new name is certain
   * and the old one may still be there.
   */
  private settleEntries(directory: string, covered: number): void {
    const open: EntryChange[] = [];
    for (const change of this.entryChanges) {
      if (change.when >= covered) {
        open.push(change);
        continue;
      }
      for (const [path, inode] of [...change.sets]) {
        if (change.home !== directory && parentOf(path) !== directory) continue;
        // What came before on this path is overtaken.
        for (const earlier of open) earlier.sets.delete(path);
        if (inode === null) this.durable.delete(path);
        else this.durable.set(path, inode);
        change.sets.delete(path);
      }
      if (change.sets.size > 0) open.push(change);
    }
    this.entryChanges = open.filter(({ sets }) => sets.size > 0);
  }

  private takeBegun(id: number | undefined, when: number): number {
    if (id === undefined) return when;
    const begun = this.begun.get(id);
    if (begun === undefined) throw new Error(`a sync that began as ${id}, which never did`);
    this.begun.delete(id);
    return begun;
  }

  private at(path: string): Inode {
    const inode = this.live.get(path);
    if (inode === undefined) throw new Error(`nothing at ${path}`);
    return inode;
  }

  private numbered(ino: number): Inode {
    const inode = this.numbers.get(ino);
    if (inode === undefined) throw new Error(`no inode ${ino}`);
    return inode;
  }
}

export function imageTree(entries: ReadonlyMap<string, Inode>, content: (inode: Inode) => Content): Map<string, Content | null> {
  const tree = new Map<string, Content | null>();
  for (const [path, inode] of entries) {
    if (path === '/' || inode.kind === 'symlink') continue;
    tree.set(path, inode.kind === 'directory' ? null : content(inode));
  }
  return tree;
}
