/** faults.c, compiled for this run, and the environment of a process that runs under it. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONTROL_BYTES } from './fault-rules.js';

export interface PreloadOptions {
  /** For the library, its control file and its records. No path in it may contain `mark`. */
  readonly directory: string;
  /** Part of the paths of files that are meant. */
  readonly mark: string;
  /** Write every call down in `<directory>/trace`, and writes to `<directory>/acks` among them. */
  readonly isTraced?: boolean;
}

export interface Preload {
  readonly env: NodeJS.ProcessEnv;
  readonly controlPath: string;
  readonly tracePath: string;
  readonly acksPath: string;
}

/** Builds the library into `directory`; the reason why there can be none is a string. */
export function buildPreload(directory: string): { readonly library: string } | string {
  if (process.platform !== 'linux') return `the platform is ${process.platform}`;
  const library = join(directory, 'faults.so');
  const source = join(__dirname, 'faults.c');
  const made = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-lpthread'], { encoding: 'utf8' });
  if (made.error !== undefined) return `there is no cc (${made.error.message})`;
  if (made.status !== 0) throw new Error(`faults.c does not compile\n${made.stderr}`);
  return { library };
}

/** The environment for one process (or several one after the other) under the library. */
export function preload(library: string, { directory, mark, isTraced }: PreloadOptions): Preload {
  const controlPath = join(directory, 'fault-control');
  const syncs = join(directory, 'fault-syncs');
  const tracePath = join(directory, 'trace');
  const acksPath = join(directory, 'acks');
  writeFileSync(controlPath, Buffer.alloc(CONTROL_BYTES));
  for (const path of [syncs, tracePath, acksPath]) writeFileSync(path, '');
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    LD_PRELOAD: library,
    EVERYSEC_FAULT_CONTROL: controlPath,
    EVERYSEC_FAULT_SYNCS: syncs,
    EVERYSEC_FAULT_MARK: mark,
    // io_uring passes by every library.
    UV_USE_IO_URING: '0',
  };
  if (isTraced === true) Object.assign(env, { EVERYSEC_TRACE: tracePath, EVERYSEC_TRACE_ACKS: acksPath });
  return { env, controlPath, tracePath, acksPath };
}

/** Prints why a rig does not run; an error where CI says that everything is to be there. */
export function skipOrFail(what: string, reason: string): void {
  if (process.env['CI'] === 'true') throw new Error(`${what}: ${reason}`);
  console.log(`skipped: ${what}, because ${reason}`);
}
