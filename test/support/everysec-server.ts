/**
 * The server under test as a child process, from the compiled package. The backend is the one of this test run
 * (EVERYSEC_BACKEND), unless a test says otherwise.
 *
 * EVERYSEC_STAND_IN=redis-server runs real Redis in its place, to see whether a rig itself is right.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ChildServer } from './child-server.js';
import { freePort } from './redis-server.js';

export type BackendChoice = 'native' | 'fallback';
export type FsyncPolicy = 'always' | 'everysec' | 'no';
export const FSYNC_POLICIES: readonly FsyncPolicy[] = ['always', 'everysec', 'no'];

export interface EverysecOptions {
  readonly dir: string;
  readonly port?: number;
  readonly appendfsync?: FsyncPolicy;
  readonly backend?: BackendChoice;
  /** Further directives: `{ 'aof-checksum': 'no' }`. */
  readonly config?: Readonly<Record<string, string>>;
  readonly env?: NodeJS.ProcessEnv;
  /** A program and its arguments that run the server: `['prlimit', '--fsize=200000']`. */
  readonly under?: readonly string[];
}

const root = process.cwd();
export const everysecMain = join(root, 'dist', 'cjs', 'cli', 'main.js');
export const standIn = process.env['EVERYSEC_STAND_IN'] ?? '';

export function hasAddon(): boolean {
  return existsSync(join(root, 'build', 'Release', 'everysec.node')) || existsSync(join(root, 'prebuilds'));
}

/** The backend that this run of the suite is about. */
export function backendUnderTest(): BackendChoice {
  if (process.env['EVERYSEC_BACKEND'] === 'fallback') return 'fallback';
  return hasAddon() || process.env['EVERYSEC_REQUIRE_NATIVE'] === '1' ? 'native' : 'fallback';
}

/** Spawns it; `await server.ready()` or `.started()` is the caller's. */
export async function spawnEverysec(options: EverysecOptions): Promise<ChildServer> {
  const port = options.port ?? (await freePort());
  const directives: Record<string, string> = {
    port: String(port),
    dir: options.dir,
    appendonly: 'yes',
    appendfsync: options.appendfsync ?? 'everysec',
    'enable-debug-command': 'yes',
    'aof-use-rdb-preamble': 'no',
    ...options.config,
  };
  if (standIn !== '') return new ChildServer({ program: standIn, args: toArgs({ save: '', ...onlyRedis(directives) }), port });
  directives['backend'] = options.backend ?? backendUnderTest();
  const [program, ...args] = [...(options.under ?? []), process.execPath, everysecMain, 'serve', ...toArgs(directives)];
  return new ChildServer({
    program: program ?? process.execPath,
    args,
    port,
    env: { EVERYSEC_BACKEND: '', ...options.env },
  });
}

export async function startEverysec(options: EverysecOptions): Promise<ChildServer> {
  return (await spawnEverysec(options)).ready();
}

function toArgs(directives: Readonly<Record<string, string>>): string[] {
  return Object.entries(directives).flatMap(([name, value]) => [`--${name}`, value]);
}

function onlyRedis(directives: Readonly<Record<string, string>>): Record<string, string> {
  const { 'aof-checksum': _checksum, backend: _backend, ...rest } = directives;
  return rest;
}
