/**
 * The incr files of an open log: the one that is appended to, and those that a roll makes. The order of steps is the durability: a
 * file's directory entry is durable before a manifest names it, and nothing is cut or removed that a manifest may still count.
 */
import { join } from 'node:path';
import type { BlockLogTarget } from '../backend/backend.js';
import type { Env } from '../env/env.js';
import { errnoCode, toAofError } from '../errors.js';
import type { RollFiles, Segment } from './health/roll.js';
import { incrName, nextIncrSeq } from './manifest/file-names.js';
import { type Manifest, withCut, withNewIncr, withoutCut } from './manifest/manifest.js';
import type { ManifestStore } from './manifest/manifest-store.js';

export interface SegmentsOptions {
  readonly env: Env;
  readonly directory: string;
  readonly appendfilename: string;
  readonly manifests: ManifestStore;
  /** aof-checksum. */
  readonly checksum: () => boolean;
}

const SESSION_BYTES = 4;

export class Segments implements RollFiles {
  readonly #env: Env;
  readonly #directory: string;
  readonly #appendfilename: string;
  readonly #manifests: ManifestStore;
  readonly #checksum: () => boolean;
  #current: Segment | null = null;
  #lastSeq = 0;
  /** During a change of files: the segment for what comes after the cut. Nothing was written to it. */
  waiting: Segment | null = null;

  constructor(options: SegmentsOptions) {
    this.#env = options.env;
    this.#directory = options.directory;
    this.#appendfilename = options.appendfilename;
    this.#manifests = options.manifests;
    this.#checksum = options.checksum;
  }

  get currentSegment(): Segment {
    if (this.#current === null) throw new TypeError('no segment is open');
    return this.#current;
  }

  get currentPath(): string {
    return this.#current === null ? '' : join(this.#directory, this.#current.name);
  }

  /** The file that appends go to from now on. */
  adopt(segment: Segment): void {
    this.#current = segment;
  }

  newSession(): string {
    return this.#env.randomHex(SESSION_BYTES);
  }

  async createSegment(lsn: number): Promise<{ segment: Segment; target: BlockLogTarget }> {
    const from = Math.max(nextIncrSeq(this.#appendfilename, this.#manifests.current), this.#lastSeq + 1);
    const { name, seq, path } = await createFirstFree(this.#env, this.#directory, from, (at) => {
      this.#lastSeq = at;
      return incrName(this.#appendfilename, at);
    });
    const segment = { name, seq, lsn, isChecksummed: this.#checksum(), isNamed: false };
    return { segment, target: { path, position: 0, session: this.newSession() } };
  }

  takesOver(fresh: Segment): Segment {
    const { waiting } = this;
    if (waiting === null) return fresh;
    // What comes after the cut begins where it did, whichever file it goes to.
    this.waiting = { ...fresh, lsn: waiting.lsn };
    return waiting;
  }

  async nameSegments(segments: readonly Segment[]): Promise<void> {
    await this.#manifests.edit((manifest) => segments.reduce(withSegment, manifest));
    for (const segment of segments) segment.isNamed = true;
    const last = segments[segments.length - 1];
    if (last !== undefined) this.#current = last;
    this.#env.logger.log('notice', `Creating AOF incr file ${this.currentSegment.name} after an error of the one before`);
  }

  /** On return the manifest is durable with the segment that waits, and appends go to it. */
  async nameWaiting(): Promise<void> {
    const { waiting } = this;
    if (waiting === null) throw new TypeError('no segment waits');
    await this.#manifests.edit((manifest) => withSegment(manifest, waiting));
    this.#current = { ...waiting, isNamed: true };
    this.waiting = null;
  }

  async finishCut(segment: Segment): Promise<void> {
    if (segment.cut === undefined) return;
    await cutFile(this.#env, join(this.#directory, segment.name), segment.cut);
    await this.#manifests.edit((manifest) => withoutCut(manifest, segment.name));
  }

  async removeSegment(segment: Segment): Promise<void> {
    if (this.#manifests.mayBeNamed(segment.name)) return;
    await this.#env.files.unlink(join(this.#directory, segment.name));
  }

  /** At start: a crash in the middle of a roll left a `cut`. */
  async finishAllCuts(): Promise<void> {
    for (const { name, cut } of this.#manifests.current.incrs) {
      if (cut === undefined) continue;
      await cutFile(this.#env, join(this.#directory, name), cut);
      await this.#manifests.edit((manifest) => withoutCut(manifest, name));
    }
  }
}

/** A segment's line in the manifest. */
export function lineOf({ name, seq, lsn, isChecksummed }: Segment): { name: string; seq: number; lsn: number; sum?: number } {
  return { name, seq, lsn, ...(isChecksummed === true ? { sum: 1 } : {}) };
}

function withSegment(manifest: Manifest, segment: Segment): Manifest {
  const { name, cut } = segment;
  const isThere = manifest.incrs.some((incr) => incr.name === name);
  const named = isThere ? manifest : withNewIncr(manifest, lineOf(segment));
  return cut === undefined ? named : withCut(named, name, cut);
}

/**
 * On return a file is there, empty, its directory entry durable, under the name of the first number from `seq` on that no file has: one
 * that stands there may hold what nothing else does.
 */
export async function createFirstFree(
  env: Env,
  directory: string,
  seq: number,
  nameOf: (seq: number) => string,
): Promise<{ name: string; seq: number; path: string }> {
  for (let at = seq; ; at++) {
    const name = nameOf(at);
    const path = join(directory, name);
    if (await isCreated(env, directory, path)) return { name, seq: at, path };
  }
}

/** False: there is such a file already. */
async function isCreated(env: Env, directory: string, path: string): Promise<boolean> {
  let isMade = false;
  try {
    const handle = await env.files.open(path, 'create');
    isMade = true;
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    await env.files.syncDirectory(directory);
    return true;
  } catch (error) {
    if (!isMade && errnoCode(error) === 'EEXIST') return false;
    // No manifest has ever named it, and attempts that fail again and again would fill the directory.
    if (isMade) await env.files.unlink(path).catch(() => {});
    throw toAofError(error, 'creating', path);
  }
}

/** On return the file is at most `size` bytes long, durably. */
async function cutFile(env: Env, path: string, size: number): Promise<void> {
  try {
    const handle = await env.files.open(path, 'update');
    try {
      if ((await handle.stat()).size > size) await handle.truncate(size);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw toAofError(error, 'cutting', path);
  }
}
