/**
 * Real redis-server as a ChildServer, for tests in which it may refuse to start or appends to a directory of ours: the same
 * handle and the same log access as the server under test. redis-check-aof beside it.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ChildServer } from './child-server.js';
import { freePort } from './redis-server.js';

export async function spawnRedis(
  dir: string,
  config: Readonly<Record<string, string>> = {},
  env: NodeJS.ProcessEnv = {},
  /** A program and its arguments that run it: `['strace', '-D']`. */
  under: readonly string[] = [],
): Promise<ChildServer> {
  const port = await freePort();
  const directives: Record<string, string> = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    save: '',
    appendonly: 'yes',
    'aof-use-rdb-preamble': 'no',
    'enable-debug-command': 'yes',
    ...config,
  };
  const args = Object.entries(directives).flatMap(([name, value]) => [`--${name}`, value]);
  const [program = 'redis-server', ...rest] = [...under, 'redis-server', ...args];
  return new ChildServer({ program, args: rest, port, env });
}

export async function startRedis(dir: string, config: Readonly<Record<string, string>> = {}): Promise<ChildServer> {
  return (await spawnRedis(dir, config)).ready();
}

export interface CheckResult {
  readonly isValid: boolean;
  readonly output: string;
}

/** redis-check-aof over the manifest of `<dir>/appendonlydir`; it changes nothing. */
export function checkWithRedis(dir: string): CheckResult {
  const done = spawnSync('redis-check-aof', [join(dir, 'appendonlydir', 'appendonly.aof.manifest')], { encoding: 'utf8' });
  return { isValid: done.status === 0, output: `${done.stdout}${done.stderr}` };
}
