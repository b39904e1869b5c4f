/** `everysec rewrite`: compacts a directory that nobody has open, ours or redis-server's. */
import { findParts } from '../aof/read-log.js';
import { loadBackend } from '../backend/load-backend.js';
import { backendWish } from '../backend/wish.js';
import { parseCommandLine } from '../config/command-line.js';
import { Config } from '../config/config.js';
import type { Env, Logger } from '../env/env.js';
import { createNodeEnv } from '../env/node-env.js';
import { residentBytes } from '../env/node-memory.js';
import { AofError } from '../errors.js';
import { type OfflineRewrite, rewriteOffline } from '../store/offline-rewrite.js';
import type { Store } from '../store/store.js';
import type { CliCommand } from './cli-command.js';
import { type DatasetNames, findDataset } from './find-dataset.js';
import { bytesText, type Progress, secondsText } from './progress-format.js';
import { ProgressLine } from './progress-line.js';

const HELP = `usage: everysec rewrite [--json] <directory> [--directive value ...]

Loads an append only file that nobody has open, of everysec or of redis-server, and writes what it holds as a new base: the
shortest log with the same data. The files that it stands for are removed when the new ones are durable. Until then, and
whenever it does not come to its end (SIGINT, a full disk, kill -9), the old files are the data.

<directory> is a data directory, its appendonlydir, or the manifest in it. An append only file of a server before Redis 7 is
moved into the new layout first, and a torn tail is cut, as every start does. Directives are those of redis.conf: --databases 64,
--appendfilename other.aof.

  --json   the outcome as one JSON object

Exit code: 0 rewritten, 1 not rewritten, 2 wrong use.
`;

const PREFIX = 'everysec rewrite: ';

export const rewriteCommand: CliCommand = {
  name: 'rewrite',
  summary: 'compact a directory offline',
  async run(argv) {
    if (argv.includes('--help') || argv.includes('-h')) {
      process.stdout.write(HELP);
      return 0;
    }
    const [from, ...rest] = argv.filter((word) => word !== '--json');
    if (from === undefined || from.startsWith('-')) {
      process.stderr.write(HELP);
      return 2;
    }
    let config: Config;
    try {
      config = configOf(rest);
    } catch (error) {
      process.stderr.write(`${PREFIX}${messageOf(error)}\n\n${HELP}`);
      return 2;
    }
    return run(from, config, argv.includes('--json'));
  },
};

function configOf(words: readonly string[]): Config {
  const config = Config.fromOptions({ appendonly: true });
  const { configFile, lines } = parseCommandLine(words);
  if (configFile !== null) throw new AofError('AOF_CONFIG', `one directory at a time, and '${configFile}' is another word`);
  config.load(lines);
  // Of its own accord the log rewrites nothing here.
  config.loadOptions({ appendonly: true, autoAofRewritePercentage: 0 });
  return config;
}

interface Outcome extends OfflineRewrite {
  readonly dir: string;
  readonly before: FilesOf;
  readonly after: FilesOf;
  readonly durationMs: number;
}

interface FilesOf {
  readonly files: number;
  readonly bytes: number;
}

async function run(from: string, config: Config, json: boolean): Promise<number> {
  let store: Store | null = null;
  const { clock } = createNodeEnv();
  const line = new ProgressLine({
    prefix: PREFIX,
    out: process.stderr,
    nowMs: () => clock.monotonicMs(),
    look: () => (store === null ? null : progressOf(store)),
  });
  const env = createNodeEnv({ logger: warningsTo(line) });
  const abort = abortOnSignal(line);
  line.start();
  try {
    const outcome = await rewrite(env, from, config, abort.signal, (begun) => {
      store = begun;
    });
    line.stop();
    process.stdout.write(json ? `${JSON.stringify(jsonOf(outcome))}\n` : describe(outcome));
    return 0;
  } catch (error) {
    line.stop();
    if (json) process.stdout.write(`${JSON.stringify({ error: errorOf(error) })}\n`);
    process.stderr.write(`${PREFIX}${messageOf(error)}\n`);
    return 1;
  } finally {
    abort.remove();
  }
}

async function rewrite(
  env: Env,
  from: string,
  config: Config,
  signal: AbortSignal,
  onStart: (store: Store) => void,
): Promise<Outcome> {
  const startedAtMs = env.clock.monotonicMs();
  const names = await findDataset(env, from, {
    appenddirname: config.value('appenddirname'),
    appendfilename: config.value('appendfilename'),
  });
  config.loadOptions({ ...names });
  const before = await filesOf(env, names);
  const backend = await loadBackend(env, backendWish(config.value('backend'), process.env['EVERYSEC_BACKEND']));
  const done = await rewriteOffline({ env, backend, config, random: Math.random, usedMemory: residentBytes, signal, onStart });
  const after = await filesOf(env, names);
  return { ...done, dir: names.dir, before, after, durationMs: env.clock.monotonicMs() - startedAtMs };
}

async function filesOf(env: Env, { dir, ...names }: DatasetNames): Promise<FilesOf> {
  const parts = await findParts(env, dir, names);
  const stats = await Promise.all(parts.map(({ path }) => env.files.stat(path)));
  return { files: parts.length, bytes: stats.reduce((sum, { size }) => sum + size, 0) };
}

function progressOf({ engine }: Store): Omit<Progress, 'elapsedMs'> | null {
  const { progress, rewriteFigures } = engine;
  if (progress !== null) {
    const { loadedBytes, totalBytes } = progress;
    return { what: 'loading', bytes: loadedBytes, totalBytes, share: loadedBytes / Math.max(totalBytes, 1) };
  }
  const { stage, keysDone, keysTotal, baseBytes } = rewriteFigures;
  if (stage === 'walking') return { what: 'writing', bytes: baseBytes, totalBytes: 0, share: keysDone / Math.max(keysTotal, 1) };
  return stage === 'syncing' ? { what: 'syncing', bytes: baseBytes, totalBytes: 0, share: 1 } : null;
}

/** The first SIGINT or SIGTERM gives up in order, a second one ends the process as it does by default. */
function abortOnSignal(line: ProgressLine): { readonly signal: AbortSignal; remove(): void } {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    remove();
    line.clear();
    process.stderr.write(`${PREFIX}${name}: giving up, the old files stay\n`);
    controller.abort();
  };
  const remove = () => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return { signal: controller.signal, remove };
}

function warningsTo(line: ProgressLine): Logger {
  return {
    log(level, message) {
      if (level !== 'warning') return;
      line.clear();
      process.stderr.write(`${PREFIX}${message}\n`);
    },
  };
}

function describe({ dir, before, after, keys, durationMs }: Outcome): string {
  const files = (of: FilesOf) => `${of.files} ${of.files === 1 ? 'file' : 'files'}, ${bytesText(of.bytes)}`;
  return `${dir}: ${files(before)} -> ${files(after)}; ${keys} keys in ${secondsText(durationMs / 1000)}\n`;
}

function jsonOf({ dir, before, after, keys, baseBytes, loaded, durationMs }: Outcome) {
  const { commands, foreignBytes, cuts } = loaded;
  return { dir, before, after, keys, baseBytes, commands, foreignBytes, cuts, durationMs: Math.round(durationMs) };
}

function errorOf(error: unknown) {
  if (!(error instanceof AofError)) return { code: 'UNKNOWN', message: messageOf(error) };
  const { code, message, path, offset } = error;
  return { code, message, path, offset };
}

function messageOf(error: unknown): string {
  if (error instanceof AofError) return `${error.message} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
}
