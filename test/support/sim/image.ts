/** What a disk holds after a crash: directories, and files with their bytes. Immutable; told apart by a canonical hash. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes of a file, hashed once however many images hold them. */
export class Content {
  private hashed: string | null = null;

  constructor(readonly bytes: Buffer) {}

  get hash(): string {
    this.hashed ??= createHash('sha1').update(this.bytes).digest('hex');
    return this.hashed;
  }
}

/** null: a directory. */
export type ImageTree = ReadonlyMap<string, Content | null>;

export class Image {
  /** Every path but the root; parents before what is in them. */
  readonly tree: ImageTree;
  /** Equal for equal trees, whatever way they came about. */
  readonly hash: string;

  /** Paths whose parents are missing are left out: nobody finds them. Two paths with one Content are two files or one with two names. */
  constructor(
    tree: ImageTree,
    readonly how = '',
  ) {
    const reachable = new Map<string, Content | null>();
    const hash = createHash('sha1');
    for (const [path, content] of [...tree].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const parent = parentOf(path);
      if (parent !== '/' && reachable.get(parent) !== null) continue;
      reachable.set(path, content);
      hash.update(path).update(content === null ? '/' : `\0${content.hash}\n`);
    }
    this.tree = reachable;
    this.hash = hash.digest('base64');
  }

  static of(files: Readonly<Record<string, string | Uint8Array | null>>): Image {
    const tree = new Map<string, Content | null>();
    for (const [path, content] of Object.entries(files)) {
      for (let at = parentOf(path); at !== '/'; at = parentOf(at)) tree.set(at, null);
      tree.set(path, content === null ? null : new Content(Buffer.from(content)));
    }
    return new Image(tree);
  }

  /** null where there is no file. */
  bytes(path: string): Buffer | null {
    return this.tree.get(path)?.bytes ?? null;
  }

  /** One line per path, with sizes: for messages. */
  toString(): string {
    const lines = [...this.tree].map(([path, content]) => (content === null ? `${path}/` : `${path} ${content.bytes.length}`));
    return `${this.how}\n${lines.join('\n')}`;
  }
}

/** Writes it below an existing directory of the real file system. */
export function materialize(image: Image, directory: string): void {
  for (const [path, content] of image.tree) {
    if (content === null) mkdirSync(join(directory, path), { recursive: true, mode: 0o700 });
    else writeFileSync(join(directory, path), content.bytes, { mode: 0o600 });
  }
}

export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}
