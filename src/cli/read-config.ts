/** The configuration of the bundled server: its own defaults, redis.conf with what it includes, the command line. */
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parseCommandLine } from '../config/command-line.js';
import { Config } from '../config/config.js';
import { isGlob, matchesGlob } from '../config/glob-format.js';
import { type ConfText, parseRedisConf } from '../config/redis-conf.js';
import { AofError } from '../errors.js';

export interface ReadConfig {
  readonly config: Config;
  /** Absolute; '' when there is none (or it is standard input). */
  readonly configFile: string;
  /** Directives that were understood and have no effect here. */
  readonly warnings: readonly string[];
}

/** `argv` as redis-server takes it. Throws AofError (AOF_CONFIG) that says where. */
export function readConfig(argv: readonly string[]): ReadConfig {
  const { configFile, lines } = parseCommandLine(argv);
  // A server whose purpose is the append only file keeps one, unless told otherwise.
  const config = Config.fromOptions({ appendonly: true });
  const fileLines = configFile === null ? [] : parseRedisConf(readConf(configFile), readInclude);
  const warnings = config.load([...fileLines, ...lines]);
  config.loadOptions({ dir: dataDirectory(config.value('dir')) });
  const isFile = configFile !== null && configFile !== '-';
  return { config, configFile: isFile ? resolve(configFile) : '', warnings };
}

function readConf(path: string): ConfText {
  try {
    return { source: path === '-' ? 'standard input' : path, text: readFileSync(path === '-' ? 0 : path, 'utf8') };
  } catch (error) {
    throw new AofError('AOF_CONFIG', `Fatal error, can't open config file '${path}': ${reasonOf(error)}`, { path, cause: error });
  }
}

/** Relative to the working directory, as Redis has it. Of a pattern only the last part may hold wildcards. */
function readInclude(path: string): ConfText[] {
  if (!isGlob(basename(path))) return [readConf(path)];
  const folder = dirname(path);
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    // A pattern that matches nothing includes nothing.
    return [];
  }
  return names
    .filter((name) => matchesGlob(basename(path), name))
    .sort()
    .map((name) => readConf(join(folder, name)));
}

/** Made where it is missing, private, as `open()` makes it: Redis would refuse, but nothing is gained by that. */
function dataDirectory(dir: string): string {
  const path = resolve(dir);
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (statSync(path).isDirectory()) return path;
  } catch (error) {
    throw new AofError('AOF_CONFIG', `Can't chdir to '${dir}': ${reasonOf(error)}`, { path, cause: error });
  }
  throw new AofError('AOF_CONFIG', `Can't chdir to '${dir}': Not a directory`, { path });
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  if (code === 'ENOENT') return 'No such file or directory';
  if (code === 'EACCES') return 'Permission denied';
  if (code === 'ENOTDIR' || code === 'EEXIST') return 'Not a directory';
  return error instanceof Error ? error.message : String(error);
}
