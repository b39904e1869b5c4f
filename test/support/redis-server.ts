/**
 * Starts the real redis-server for tests that compare with it: free port, temporary directory, gone afterwards.
 *
 * `describeWithRedis` skips with a printed line where redis-server is not installed; with CI=true that is a failure instead.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseReplies, RespClient, type RespValue } from './resp-client.js';

/** '7.0.15', or null when there is no redis-server here. */
export const redisVersion: string | null = findRedisVersion();

export class RealRedis {
  private constructor(
    readonly dir: string,
    readonly port: number,
    private process: ChildProcess,
    private readonly args: readonly string[],
    private readonly keepDir: boolean,
  ) {}

  /** Extra arguments are redis-server's own: `--appendonly`, `yes`. `dir`: use this directory and leave it there. */
  static async start(args: readonly string[] = [], dir?: string): Promise<RealRedis> {
    const home = dir ?? mkdtempSync(join(tmpdir(), 'redis-'));
    const port = await freePort();
    const redis = new RealRedis(home, port, spawnRedis(home, port, args), args, dir !== undefined);
    await redis.untilReady();
    return redis;
  }

  connect(): Promise<RespClient> {
    return RespClient.connect(this.port);
  }

  /** SIGTERM (a clean shutdown) or SIGKILL; resolves when the process is gone. */
  async kill(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => this.process.once('exit', () => resolve()));
    this.process.kill(signal);
    await gone;
  }

  /** After kill(): the same directory, port and arguments again. */
  async restart(): Promise<void> {
    this.process = spawnRedis(this.dir, this.port, this.args);
    await this.untilReady();
  }

  /** What the server has printed to its log file. */
  log(): string {
    return readFileSync(join(this.dir, 'redis.log'), 'utf8');
  }

  /** Records of the newest incr file, as arrays of latin1 text. `#` lines are left out. */
  incrRecords(): string[][] {
    const folder = join(this.dir, 'appendonlydir');
    const sequence = (name: string) => Number(/\.(\d+)\.incr\.aof$/.exec(name)?.[1] ?? 0);
    const newest = readdirSync(folder)
      .filter((name) => name.endsWith('.incr.aof'))
      .sort((a, b) => sequence(b) - sequence(a))[0];
    return newest === undefined ? [] : aofRecords(readFileSync(join(folder, newest)));
  }

  async stop(): Promise<void> {
    await this.kill('SIGKILL');
    if (!this.keepDir) rmSync(this.dir, { recursive: true, force: true });
  }

  private async untilReady(): Promise<void> {
    for (let attempt = 0; attempt < 400; attempt++) {
      if (this.process.exitCode !== null) throw new Error(`redis-server exited with ${this.process.exitCode}:\n${this.log()}`);
      try {
        const client = await this.connect();
        const pong = await client.call('PING');
        client.close();
        if (pong === 'PONG' || !/LOADING/.test(JSON.stringify(pong))) return;
      } catch {
        // Not listening yet.
      }
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error(`redis-server did not become ready:\n${this.log()}`);
  }
}

/** Records of a plain AOF, as arrays of latin1 text. */
export function aofRecords(bytes: Buffer): string[][] {
  const lines: Buffer[] = [];
  let at = 0;
  // A `#` line may only stand where a record could begin; bulk contents are skipped by parsing record by record.
  while (at < bytes.length) {
    if (bytes[at] === 0x23) {
      at = bytes.indexOf('\n', at) + 1;
      continue;
    }
    const end = recordEnd(bytes, at);
    lines.push(bytes.subarray(at, end));
    at = end;
  }
  return parseReplies(Buffer.concat(lines)) as Exclude<RespValue, string>[] as string[][];
}

function recordEnd(bytes: Buffer, start: number): number {
  let at = bytes.indexOf('\r\n', start) + 2;
  const argc = Number(bytes.latin1Slice(start + 1, at - 2));
  for (let i = 0; i < argc; i++) {
    const lineEnd = bytes.indexOf('\r\n', at);
    at = lineEnd + 2 + Number(bytes.latin1Slice(at + 1, lineEnd)) + 2;
  }
  return at;
}

/** A describe block for tests that need redis-server; optionally only from some version on. */
export function describeWithRedis(name: string, body: () => void): void {
  if (redisVersion !== null) {
    describe(name, body);
  } else if (process.env['CI'] === 'true') {
    describe(name, () => {
      it('needs redis-server', () => expect.fail('redis-server is not installed, and CI must not skip'));
    });
  } else {
    console.warn(`skipped, redis-server is not installed: ${name}`);
    describe.skip(`${name} (skipped: redis-server is not installed)`, body);
  }
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

function spawnRedis(dir: string, port: number, args: readonly string[]): ChildProcess {
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--logfile', join(dir, 'redis.log')];
  const debug = ['--enable-debug-command', 'yes', '--save', ''];
  return spawn('redis-server', [...fixed, ...debug, ...args], { stdio: 'ignore' });
}

function findRedisVersion(): string | null {
  try {
    const text = execFileSync('redis-server', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return /v=(\S+)/.exec(text)?.[1] ?? '';
  } catch {
    return null;
  }
}
