/**
 * Loads the files of a data set in order: the base, then the incrs. Decides by load-policy what each outcome means; a torn tail of the
 * last file is cut (repair.ts), anything else that is not whole refuses with nothing changed on disk.
 */
import type { Backend, ReadOutcome } from '../../backend/backend.js';
import type { Env } from '../../env/env.js';
import { AofError } from '../../errors.js';
import type { Host } from '../../host.js';
import { decideLoad } from './load-policy.js';
import { LoadProgress } from './load-progress.js';
import { loadFile } from './loader.js';
import { cutTail } from './repair.js';

export interface DatasetFile {
  readonly path: string;
  readonly name: string;
  readonly kind: 'base' | 'incr' | 'single';
  readonly sizeBytes: number;
  /** LSN of its first payload byte where the manifest tells. */
  readonly lsn: number | undefined;
  /** The manifest's `cut`. */
  readonly endOffset: number | undefined;
  /** The manifest says that it begins in checksummed blocks. */
  readonly isChecksummed?: boolean;
  /** The manifest's `clean`. */
  readonly cleanBytes?: number | undefined;
}

export interface LoadedDataset {
  /** LSN of the next payload byte. */
  readonly lsn: number;
  /** Size of the last file now, after a cut. */
  readonly lastFileBytes: number;
  /** The last file as it was read; null: everything in it is known to be durable. The others were before this one was named. */
  readonly doubt: LoadedFile | null;
  readonly commands: number;
  /** Commands that the host answered with an error reply: what they were meant to do is not in the data. */
  readonly errors: number;
  readonly foreignBytes: number;
  readonly cuts: readonly CutReport[];
}

/** What a file held, as far as it counts. */
export interface LoadedFile {
  readonly path: string;
  readonly bytes: number;
  readonly commands: number;
  readonly firstLsn: number;
  readonly lsn: number;
}

export interface CutReport {
  readonly path: string;
  readonly offset: number;
  readonly lsn: number;
  readonly bytes: number;
  readonly commands: number;
  /** Where the cut bytes are kept. */
  readonly copy: string;
}

export interface DatasetLoaderOptions {
  readonly env: Env;
  readonly backend: Backend;
  readonly host: Host;
  readonly files: readonly DatasetFile[];
  readonly databases: number;
  readonly loadTruncated: boolean;
  /** false: a torn tail is reported and left as it is. */
  readonly mayRepair: boolean;
  readonly onStart: (progress: LoadProgress) => void;
  readonly signal: AbortSignal;
}

export async function loadDataset(options: DatasetLoaderOptions): Promise<LoadedDataset> {
  const { env, files } = options;
  const total = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const progress = new LoadProgress(Math.floor(env.clock.unixMs() / 1000), () => env.clock.monotonicMs(), total);
  options.onStart(progress);
  let lsn = 0;
  let commands = 0;
  let foreignBytes = 0;
  let lastFileBytes = 0;
  let doubt: LoadedFile | null = null;
  const cuts: CutReport[] = [];
  for (const [i, file] of files.entries()) {
    const isLast = i === files.length - 1;
    const startedAtMs = env.clock.monotonicMs();
    const firstLsn = file.lsn ?? lsn;
    const outcome = await readOne(options, file, firstLsn, progress);
    const cut = await settle(options, file, outcome, isLast);
    if (cut !== null) cuts.push(cut);
    // A base counts its own bytes from 0: they are a state, not a part of the log's history.
    if (file.kind !== 'base') lsn = Math.max(lsn, cut === null ? outcome.lsn : cut.lsn);
    commands += outcome.commands;
    foreignBytes += outcome.foreignBytes;
    lastFileBytes = cut === null ? outcome.fileSize : cut.offset;
    doubt = doubtAbout(file, outcome, cut, firstLsn);
    progress.finishFile(file.sizeBytes);
    const seconds = ((env.clock.monotonicMs() - startedAtMs) / 1000).toFixed(3);
    const what = file.kind === 'single' ? 'append only file' : `${file.kind} file ${file.name}`;
    if (file.sizeBytes > 0) env.logger.log('notice', `DB loaded from ${what}: ${seconds} seconds`);
  }
  return { lsn, lastFileBytes, doubt, commands, errors: progress.errors, foreignBytes, cuts };
}

/**
 * Only a durable manifest can say that all of a file is durable. A mark at its end does say so of what stands before it, not of itself,
 * and what is appended to a page that the kernel gave up is lost with it.
 */
function doubtAbout(file: DatasetFile, outcome: ReadOutcome, cut: CutReport | null, firstLsn: number): LoadedFile | null {
  const { lsn, offset: bytes } = cut ?? { lsn: outcome.lsn, offset: outcome.fileSize };
  if (bytes === 0 || bytes === file.cleanBytes) return null;
  return { path: file.path, bytes, lsn, firstLsn, commands: outcome.commands - (cut?.commands ?? 0) };
}

async function readOne(
  options: DatasetLoaderOptions,
  file: DatasetFile,
  lsn: number,
  progress: LoadProgress,
): Promise<ReadOutcome> {
  const { env, backend, host, databases, signal } = options;
  try {
    return await loadFile({
      backend,
      host,
      clock: env.clock,
      timers: env.timers,
      path: file.path,
      name: file.name,
      lsn,
      endOffset: file.endOffset,
      databases,
      signal,
      onProgress: (position) => {
        progress.currentBytes = position;
      },
      onCommandError: (message, command) => {
        progress.errors++;
        env.logger.log(
          'warning',
          `== CRITICAL == This server is sending an error to its AOF-loading-client: '${message}' after processing the command '${command}'`,
        );
      },
    });
  } catch (error) {
    if (error instanceof AofError && error.code === 'AOF_IO') {
      env.logger.log('warning', `Unrecoverable error reading the append only file ${file.name}: ${error.message}`);
    }
    // What the host refuses it refuses without knowing the file: its message ends where the name belongs.
    if (error instanceof AofError && error.path === undefined) {
      throw new AofError(error.code, `${error.message} ${file.name}`, { path: file.path, cause: error.cause });
    }
    throw error;
  }
}

/** Performs what the policy decides. Returns the cut that was made, or null. */
async function settle(
  options: DatasetLoaderOptions,
  file: DatasetFile,
  outcome: ReadOutcome,
  isLast: boolean,
): Promise<CutReport | null> {
  const { env } = options;
  const { path, name, isChecksummed } = file;
  const decision = decideLoad(outcome, { path, name, isLast, loadTruncated: options.loadTruncated, isChecksummed });
  if (outcome.foreignBytes > 0) {
    env.logger.log(
      'notice',
      `${outcome.foreignBytes} bytes in ${file.name} were appended by another server: accepted, not verified`,
    );
  }
  if (decision.kind === 'ok') return null;
  if (decision.kind === 'refuse') {
    env.logger.log('warning', decision.message);
    throw new AofError(decision.code, decision.message, { path: file.path, offset: decision.offset });
  }
  for (const message of decision.messages) env.logger.log('warning', message);
  const bytes = outcome.fileSize - decision.offset;
  const seconds = Math.floor(env.clock.unixMs() / 1000);
  const copy = options.mayRepair ? await cutTail(env.files, file.path, decision.offset, seconds) : '';
  env.logger.log(
    'warning',
    `${options.mayRepair ? 'Cut' : 'Left out'} ${bytes} bytes (${decision.commands} whole commands of an open unit) at offset ${decision.offset}, lsn ${decision.lsn}${copy === '' ? '' : `, kept in ${copy}`}`,
  );
  return { path: file.path, offset: decision.offset, lsn: decision.lsn, bytes, commands: decision.commands, copy };
}
