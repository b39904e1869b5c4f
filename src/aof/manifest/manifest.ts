/**
 * The list of files that are the log: one base at most, the incrs that follow it in order, and history (files a finished
 * rewrite has replaced, to be deleted). A value: every edit makes a new one. Durable only through ManifestStore.
 */

/** b: base, h: history, i: incr. */
export type ManifestFileType = 'b' | 'h' | 'i';

export interface ManifestFile {
  /** Base name inside the AOF directory. */
  readonly name: string;
  /** From 1; bases and incrs count separately. */
  readonly seq: number;
  readonly type: ManifestFileType;
  /** Redis 8's replication offsets: kept as they were read, never made up by us. */
  readonly startoffset?: number;
  readonly endoffset?: number;
  /**
   * The file counts only up to this offset: what stood behind it was logged again in the next file (a roll), and is about to
   * be cut off. Redis ignores the pair.
   */
  readonly cut?: number;
  /** LSN of the file's first payload byte. Redis ignores the pair. */
  readonly lsn?: number;
  /** 1: made to begin in checksummed blocks, so that whatever its first page holds was never meant as plain RESP. Redis ignores the pair. */
  readonly sum?: number;
  /**
   * It was this long at a clean close, or when a start had written it again, and all of it was durable. What is appended makes it longer.
   * Redis ignores the pair.
   */
  readonly clean?: number;
}

export interface Manifest {
  readonly base: ManifestFile | null;
  readonly history: readonly ManifestFile[];
  /** Strictly increasing seq; the last one is open for append. */
  readonly incrs: readonly ManifestFile[];
}

export const EMPTY_MANIFEST: Manifest = { base: null, history: [], incrs: [] };

/** Files in the order in which their lines are written: base, history, incrs. */
export function filesOf(manifest: Manifest): readonly ManifestFile[] {
  return [...(manifest.base === null ? [] : [manifest.base]), ...manifest.history, ...manifest.incrs];
}

/** The files that hold the data, in the order in which they are loaded: the base, then the incrs. */
export function filesToLoad(manifest: Manifest): readonly ManifestFile[] {
  return manifest.base === null ? manifest.incrs : [manifest.base, ...manifest.incrs];
}

export function lastIncr(manifest: Manifest): ManifestFile | null {
  return manifest.incrs.at(-1) ?? null;
}

export function isEmpty(manifest: Manifest): boolean {
  return manifest.base === null && manifest.incrs.length === 0;
}

/** Appends an incr. Asserts that its seq follows the last one. */
export function withNewIncr(manifest: Manifest, file: Omit<ManifestFile, 'type'>): Manifest {
  const last = lastIncr(manifest);
  if (last !== null && file.seq <= last.seq) throw new RangeError(`incr seq ${file.seq} does not follow ${last.seq}`);
  return { ...manifest, incrs: [...manifest.incrs, { ...file, type: 'i' }] };
}

/**
 * A rewrite is done: the new base stands for the old one and for every incr with a seq below `cutSeq`, which all become
 * history (the old base first, as Redis writes it).
 */
export function withNewBase(manifest: Manifest, file: Omit<ManifestFile, 'type'>, cutSeq: number): Manifest {
  const replaced = manifest.incrs.filter((incr) => incr.seq < cutSeq).map(asHistory);
  return {
    base: { ...file, type: 'b' },
    history: [...(manifest.base === null ? [] : [asHistory(manifest.base)]), ...manifest.history, ...replaced],
    incrs: manifest.incrs.filter((incr) => incr.seq >= cutSeq),
  };
}

/** Drops history lines: all of them, or those with these names. */
export function withoutHistory(manifest: Manifest, names?: ReadonlySet<string>): Manifest {
  return { ...manifest, history: names === undefined ? [] : manifest.history.filter((file) => !names.has(file.name)) };
}

/** The incr of this name counts only up to `offset`. Asserts that the name is an incr. */
export function withCut(manifest: Manifest, name: string, offset: number): Manifest {
  return withChangedIncr(manifest, name, (file) => ({ ...file, cut: offset }));
}

/** The file is as long as it counts: the cut has been made. */
export function withoutCut(manifest: Manifest, name: string): Manifest {
  return withChangedIncr(manifest, name, ({ cut: _, ...file }) => file);
}

/** The incr of this name has this size, and all of it is durable. */
export function withClean(manifest: Manifest, name: string, bytes: number): Manifest {
  return withChangedIncr(manifest, name, (file) => (file.clean === bytes ? file : { ...file, clean: bytes }));
}

/**
 * An incr that shall not be there: given up before anything in it counted (a roll or a rewrite that failed). The name goes
 * from the list; the file is the caller's to delete once the manifest is durable.
 */
export function withoutIncr(manifest: Manifest, name: string): Manifest {
  return { ...manifest, incrs: manifest.incrs.filter((file) => file.name !== name) };
}

function withChangedIncr(manifest: Manifest, name: string, change: (file: ManifestFile) => ManifestFile): Manifest {
  if (!manifest.incrs.some((file) => file.name === name)) throw new RangeError(`no incr named ${name} in the manifest`);
  return { ...manifest, incrs: manifest.incrs.map((file) => (file.name === name ? change(file) : file)) };
}

function asHistory(file: ManifestFile): ManifestFile {
  return { ...file, type: 'h' };
}
