/** The door `everysec/server`: the store behind the Redis protocol, in this process. */
import { Config } from './config/config.js';
import type { ConfigOptions } from './config/option-names.js';
import { createNodeEnv } from './env/node-env.js';
import { type ComposedServer, composeServer } from './server/compose-server.js';

export interface ServerDoorOptions extends ConfigOptions {
  /** After a client's SHUTDOWN has closed everything. */
  readonly onShutdown?: () => void;
}

export class EverysecServer implements AsyncDisposable {
  readonly #composed: ComposedServer;

  /** @internal Use createServer(). */
  constructor(composed: ComposedServer) {
    this.#composed = composed;
  }

  /** TCP port that is listened on; 0 without TCP. */
  get port(): number {
    return this.#composed.server.port;
  }

  get backend(): { readonly kind: string; readonly reason: string } {
    const { kind, reason } = this.#composed.store.engine.backend;
    return { kind, reason };
  }

  /** Everything that was answered is durable when it resolves. */
  close(): Promise<void> {
    return this.#composed.server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Listens, loads, and resolves when it is ready; until then clients are answered LOADING. Options are Redis's directives in
 * camelCase; `appendonly` is yes unless told otherwise. Rejects, with nothing left open, when the address or the directory cannot be had.
 */
export async function createServer(options: ServerDoorOptions = {}): Promise<EverysecServer> {
  const { onShutdown, ...directives } = options;
  const config = Config.fromOptions({ appendonly: true, ...directives });
  const composed = await composeServer({ config, env: createNodeEnv(), ...(onShutdown === undefined ? {} : { onShutdown }) });
  await composed.server.listen();
  try {
    await composed.store.open();
  } catch (error) {
    await composed.server.close().catch(() => {});
    throw error;
  }
  return new EverysecServer(composed);
}

export { AofError, type AofErrorCode } from './errors.js';
