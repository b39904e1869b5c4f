/** An engine on files in memory, over which the TypeScript backend runs. Time passes when the test says so. */
import { expect } from 'vitest';
import { settingsFromConfig } from '../../src/aof/settings-from-config.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { Config } from '../../src/config/config.js';
import type { ConfigOptions } from '../../src/config/option-names.js';
import { Engine } from '../../src/engine.js';
import type { Host } from '../../src/host.js';
import { ManualEnv } from './manual-env.js';
import type { MemoryFiles } from './memory-files.js';

export const AOF = '/data/appendonlydir';
export const INCR = `${AOF}/appendonly.aof.1.incr.aof`;
export const MANIFEST = `${AOF}/appendonly.aof.manifest`;

export interface Rig {
  readonly env: ManualEnv;
  readonly engine: Engine;
  readonly commands: string[];
}

export function rig(options: ConfigOptions = {}, files?: MemoryFiles, host: Partial<Host> = {}): Rig {
  const env = files === undefined ? ManualEnv.inMemory('/data') : new ManualEnv(files);
  const commands: string[] = [];
  const engine = new Engine({
    env,
    backend: guardBackend(createFallbackBackend(env)),
    settings: settingsFromConfig(Config.fromOptions({ appendonly: true, ...options, dir: '/data' })),
    host: { apply: (db, argv) => void commands.push(`${db} ${argv.join(' ')}`), ...host },
    databases: 16,
  });
  return { env, engine, commands };
}

export function append({ engine }: Rig, ...argv: string[]): number {
  const lsn = engine.propagator?.append(0, argv) ?? -1;
  engine.noteAppended(lsn);
  return lsn;
}

/** Time passes until the promise has settled; what became of it. */
export async function outcome(env: ManualEnv, promise: Promise<unknown>): Promise<string> {
  let result = '';
  promise.then(
    () => {
      result = 'resolved';
    },
    (error: { code?: string; message: string }) => {
      result = error.code ?? error.message;
    },
  );
  await env.until(() => result !== '');
  return result;
}

export async function opened(options: ConfigOptions = {}, files?: MemoryFiles, host: Partial<Host> = {}): Promise<Rig> {
  const it = rig(options, files, host);
  expect(await outcome(it.env, it.engine.open())).toBe('resolved');
  return it;
}
