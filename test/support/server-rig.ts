/** A server on a free port in front of a fake store, with a clock that tests may push, and plain clients of it. */
import { connect, type Socket } from 'node:net';
import { Config } from '../../src/config/config.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { Server } from '../../src/server/server.js';
import { configPortOf } from '../../src/store/config-port.js';
import { FakeStore } from './fake-store.js';

export interface ServerRig {
  readonly store: FakeStore;
  readonly server: Server;
  readonly log: string[];
  /** Adds to both clocks. */
  skip(ms: number): void;
  client(): Promise<RawClient>;
  stop(): Promise<void>;
}

export async function startRig(directives: Record<string, string> = {}): Promise<ServerRig> {
  const store = new FakeStore();
  const log: string[] = [];
  const real = createNodeEnv();
  let offset = 0;
  const env = {
    ...real,
    clock: { monotonicMs: () => real.clock.monotonicMs() + offset, unixMs: () => real.clock.unixMs() + offset },
    logger: { log: (level: string, message: string) => void log.push(`${level} ${message}`) },
  };
  const config = new Config();
  const lines = Object.entries({ port: '0', bind: '127.0.0.1', ...directives }).map(([name, value]) => ({
    words: [name, ...value.split(' ')],
    text: `${name} ${value}`,
    lineNumber: 1,
    source: 'test',
  }));
  config.load(lines);
  const server = new Server({ store, config: configPortOf(config), env });
  await server.listen();
  const clients: RawClient[] = [];
  return {
    store,
    server,
    log,
    skip: (ms) => {
      offset += ms;
    },
    client: async () => {
      const client = await RawClient.connect(directives['unixsocket'] ?? server.port);
      clients.push(client);
      return client;
    },
    stop: async () => {
      for (const client of clients) client.socket.destroy();
      await server.close();
    },
  };
}

/** Bytes out, bytes in. */
export class RawClient {
  received = '';
  isClosed = false;
  private listeners: (() => void)[] = [];

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.latin1Slice();
      this.wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.wake();
    });
  }

  static connect(target: number | string): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = typeof target === 'string' ? connect(target) : connect(target, '127.0.0.1');
      socket.setNoDelay(true);
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RawClient(socket)));
    });
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  }

  /** Resolves once so many bytes have come (all in `received`), or the connection has ended. */
  async bytes(count: number): Promise<string> {
    await this.until(() => this.received.length >= count || this.isClosed);
    return this.received;
  }

  async text(expected: string): Promise<string> {
    return this.bytes(expected.length);
  }

  closed(): Promise<void> {
    return this.until(() => this.isClosed);
  }

  private until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (holds()) resolve();
        else this.listeners.push(check);
      };
      check();
    });
  }

  private wake(): void {
    const listeners = this.listeners;
    this.listeners = [];
    for (const listener of listeners) listener();
  }
}

/** One canonical record. */
export function record(...args: string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
}

/** Enough turns of the event loop, on both sides, for bytes to cross a socket and an answer to come back if there is one. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 40));
}
