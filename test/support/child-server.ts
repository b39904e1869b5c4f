/**
 * A server of the Redis protocol as a child process: started, waited for, killed for certain. Knows nothing of which server
 * it is; everysec-server.ts and redis-server.ts say that.
 *
 * Every child is registered: killAllServers() belongs in afterEach, and the exit of the test process kills what is left.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { RespClient } from './resp-client.js';

export interface ChildServerOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly port: number;
  readonly env?: NodeJS.ProcessEnv;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What became of a start: it serves, or it ended before it did. */
export type StartOutcome = 'serving' | 'exited';

const running = new Set<ChildServer>();
process.on('exit', () => {
  for (const server of running) server.signal('SIGKILL');
});

export async function killAllServers(): Promise<void> {
  await Promise.all([...running].map((server) => server.kill()));
}

export class ChildServer {
  readonly port: number;
  readonly commandLine: string;
  readonly exited: Promise<Exit>;
  private readonly child: ChildProcess;
  private readonly clients = new Set<RespClient>();
  private output = '';
  private exit: Exit | null = null;

  constructor(options: ChildServerOptions) {
    this.port = options.port;
    this.commandLine = [options.program, ...options.args].join(' ');
    this.child = spawn(options.program, [...options.args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, UV_USE_IO_URING: '0', ...options.env },
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    running.add(this);
    this.exited = new Promise((resolve) => {
      this.child.on('error', (error) => {
        this.output += `\n${error.message}`;
        this.finish({ code: 127, signal: null }, resolve);
      });
      // 'close' comes after the pipes are drained, so that log is whole by then.
      this.child.on('close', (code, signal) => this.finish({ code, signal }, resolve));
    });
  }

  private finish(exit: Exit, resolve: (exit: Exit) => void): void {
    if (this.exit !== null) return;
    this.exit = exit;
    running.delete(this);
    resolve(exit);
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  /** Everything it wrote to stdout and stderr so far. */
  get log(): string {
    return this.output;
  }

  get isRunning(): boolean {
    return this.exit === null;
  }

  /** A new connection; it ends with the server. */
  async connect(): Promise<RespClient> {
    const client = await RespClient.connect(this.port);
    this.clients.add(client);
    return client;
  }

  /** Until it answers PING with PONG, or until it ended. */
  async started(timeoutMs = 30_000): Promise<StartOutcome> {
    const deadline = performance.now() + timeoutMs;
    let client: RespClient | null = null;
    try {
      while (this.isRunning) {
        if (performance.now() > deadline) throw new Error(`not ready after ${timeoutMs} ms: ${this.describe()}`);
        client ??= await RespClient.connect(this.port).catch(() => null);
        if (client !== null && (await client.call('PING').catch(() => null)) === 'PONG') return 'serving';
        if (client?.isClosed) client = null;
        await pause(10);
      }
      return 'exited';
    } finally {
      client?.close();
    }
  }

  /** Like started(), but its end is an error that shows the log. */
  async ready(timeoutMs = 30_000): Promise<this> {
    if ((await this.started(timeoutMs)) === 'exited') throw new Error(`ended instead of serving: ${this.describe()}`);
    return this;
  }

  /** Until a connection is taken, which is earlier than ready() while a file loads. */
  async listening(timeoutMs = 10_000): Promise<RespClient> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const client = await RespClient.connect(this.port).catch(() => null);
      if (client !== null) {
        this.clients.add(client);
        return client;
      }
      if (!this.isRunning) throw new Error(`ended instead of listening: ${this.describe()}`);
      if (performance.now() > deadline) throw new Error(`not listening after ${timeoutMs} ms: ${this.describe()}`);
      await pause(2);
    }
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.child.kill(signal);
  }

  /** SIGKILL, and wait until it is gone. */
  async kill(): Promise<Exit> {
    this.signal('SIGKILL');
    const exit = await this.exited;
    this.closeClients();
    return exit;
  }

  /** SIGTERM, and wait for its own end; a server that does not end in time is killed and that is an error. */
  async terminate(timeoutMs = 15_000): Promise<Exit> {
    this.signal('SIGTERM');
    const exit = await Promise.race([this.exited, pause(timeoutMs).then(() => null)]);
    this.closeClients();
    if (exit !== null) return exit;
    await this.kill();
    throw new Error(`SIGTERM did not end it within ${timeoutMs} ms: ${this.describe()}`);
  }

  describe(): string {
    const state = this.exit === null ? 'running' : `ended with ${this.exit.code ?? this.exit.signal}`;
    return `${this.commandLine}\n(${state})\n${this.output.slice(-6000)}`;
  }

  private closeClients(): void {
    for (const client of this.clients) client.close();
    this.clients.clear();
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
