/** A server with everything below it: backend, engine, store. Used by the public door and by `everysec serve`. */

import { loadBackend } from '../backend/load-backend.js';
import { backendWish } from '../backend/wish.js';
import type { Config } from '../config/config.js';
import type { Env } from '../env/env.js';
import { memoryInUse } from '../env/node-memory.js';
import { configPortOf } from '../store/config-port.js';
import { Store } from '../store/store.js';
import { Server } from './server.js';

export interface ComposeOptions {
  readonly config: Config;
  readonly env: Env;
  readonly version?: string;
  readonly configFile?: string;
  readonly onShutdown?: () => void;
}

export interface ComposedServer {
  readonly server: Server;
  readonly store: Store;
}

/** Nothing is listened on and nothing is loaded yet: server.listen(), then store.open(); server.close() ends both. */
export async function composeServer(options: ComposeOptions): Promise<ComposedServer> {
  const { config, env, ...rest } = options;
  const backend = await loadBackend(env, backendWish(config.value('backend'), process.env['EVERYSEC_BACKEND']));
  const store = new Store({ env, backend, config, random: Math.random, usedMemory });
  const server = new Server({ store, config: configPortOf(config), env, latency: store.latency, ...rest });
  return { server, store };
}

function usedMemory(): number {
  const { heapUsed, external } = memoryInUse();
  return heapUsed + external;
}
