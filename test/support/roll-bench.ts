/** An engine on the TypeScript backend over real files with faults on demand, and a clean one to see what is there afterwards. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineSettings } from '../../src/aof/settings.js';
import { settingsFromConfig } from '../../src/aof/settings-from-config.js';
import { AppendOnlyFileHandle } from '../../src/append-only-file.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { Config } from '../../src/config/config.js';
import type { ConfigOptions } from '../../src/config/option-names.js';
import type { Env } from '../../src/env/env.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { FaultyFiles } from './faulty-files.js';

export const SILENT = { log: () => {} };

export interface Opened {
  readonly aof: AppendOnlyFileHandle;
  readonly faults: FaultyFiles;
  readonly env: Env;
  /** `<db> <command>`, as loaded. */
  readonly commands: readonly string[];
  /** degraded, recovered, failed, as they came. */
  readonly events: string[];
  readonly logged: string[];
}

export async function openWithFaults(dir: string, options: ConfigOptions = {}): Promise<Opened> {
  const logged: string[] = [];
  const env = createNodeEnv({ logger: { log: (_level, message) => void logged.push(message) } });
  const faults = new FaultyFiles(env.files);
  const faulty: Env = { ...env, files: faults.files };
  const settings: EngineSettings = settingsFromConfig(Config.fromOptions({ ...options, dir, appendonly: true }));
  const commands: string[] = [];
  const host = {
    apply: (db: number, argv: readonly Buffer[]) => {
      commands.push(`${db} ${argv.map((arg) => arg.latin1Slice()).join(' ')}`);
    },
  };
  const backend = createFallbackBackend(faulty);
  const aof = await AppendOnlyFileHandle.open({ env: faulty, backend, settings, host, databases: 16 });
  const events: string[] = [];
  aof.on('degraded', (error) => events.push(`degraded ${error.code}`));
  aof.on('recovered', () => events.push('recovered'));
  aof.on('failed', (error) => events.push(`failed ${error.code}`));
  return { aof, faults, env: faulty, commands, events, logged };
}

/** What a clean start finds. */
export async function reopened(dir: string, options: ConfigOptions = {}): Promise<readonly string[]> {
  const { aof, commands } = await openWithFaults(dir, options);
  await aof.close();
  return commands;
}

const aofDir = (dir: string) => join(dir, 'appendonlydir');

export const manifestOf = (dir: string) => readFileSync(join(aofDir(dir), 'appendonly.aof.manifest'), 'latin1');

/** Sizes of the incr files on disk, by sequence number. */
export function incrSizes(dir: string): Map<number, number> {
  const sizes = new Map<number, number>();
  for (const name of readdirSync(aofDir(dir))) {
    const seq = /\.(\d+)\.incr\.aof$/.exec(name)?.[1];
    // A segment that failed may go between the listing and the look at it.
    const found = seq === undefined ? undefined : statSync(join(aofDir(dir), name), { throwIfNoEntry: false });
    if (found !== undefined) sizes.set(Number(seq), found.size);
  }
  return sizes;
}

export async function until(claim: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!claim()) {
    if (performance.now() > deadline) throw new Error(`never: ${claim}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
