/**
 * Clients that write without a pause and remember what they were told: which SETs were answered OK, which were refused and why. Every
 * key is written once, so that afterwards each answer can be held against the data: an OK that is missing is a loss, a refused
 * key that is there was applied before it was refused.
 */
import { Redis } from 'ioredis';
import { pause } from './child-server.js';
import { RespClient, RespError } from './resp-client.js';

export interface SteadyLoadOptions {
  readonly port: number;
  /** Plain clients, each with so many commands under way. */
  readonly depths?: readonly number[];
  /** Clients of the library ioredis, one command under way each. */
  readonly ioredis?: number;
  readonly valueBytes?: number;
  /** Each client after each round of commands. */
  readonly pauseMs?: number;
}

type Answer = { readonly key: string; readonly refusal: string | null };

export class SteadyLoad {
  /** Answered OK. */
  readonly told = new Set<string>();
  /** Refused, with the text. */
  readonly refused = new Map<string, string>();
  sent = 0;
  /** The longest that any client waited for its round of answers. */
  longestWaitMs = 0;
  private isOver = false;
  private readonly value: string;
  private readonly done: Promise<void>[] = [];
  private readonly close: (() => void)[] = [];

  private constructor(private readonly options: SteadyLoadOptions) {
    this.value = 'v'.repeat(options.valueBytes ?? 200);
  }

  static async start(options: SteadyLoadOptions): Promise<SteadyLoad> {
    const load = new SteadyLoad(options);
    for (const [i, depth] of (options.depths ?? []).entries()) {
      const client = await RespClient.connect(options.port);
      load.close.push(() => client.close());
      const set = async (key: string): Promise<Answer> => {
        const reply = await client.call('SET', key, load.value);
        return { key, refusal: reply instanceof RespError ? reply.message : null };
      };
      load.done.push(load.runClient(`plain${i}`, depth, set));
    }
    for (let i = 0; i < (options.ioredis ?? 0); i += 1) {
      const client = new Redis({ port: options.port, host: '127.0.0.1', retryStrategy: () => null, maxRetriesPerRequest: null });
      client.on('error', () => {});
      load.close.push(() => client.disconnect());
      load.done.push(load.runClient(`io${i}`, 1, (key) => setByIoredis(client, key, load.value)));
    }
    return load;
  }

  get refusals(): string[] {
    return [...new Set(this.refused.values())];
  }

  /** Resolves when every client has its last answer, or its connection is gone. */
  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.done);
    for (const close of this.close) close();
  }

  /** After the server was killed. */
  async abandon(): Promise<void> {
    this.isOver = true;
    for (const close of this.close) close();
    await Promise.all(this.done);
  }

  /** What does not agree with what the clients were told; empty when all is well. */
  async complaints(client: RespClient): Promise<string[]> {
    const found = await existing(client, [...this.told, ...this.refused.keys()]);
    const lost = [...this.told].filter((key) => !found.has(key));
    const applied = [...this.refused.keys()].filter((key) => found.has(key));
    return [...lost.map((key) => `lost: ${key}`), ...applied.map((key) => `refused and applied: ${key}`)];
  }

  private async runClient(name: string, depth: number, set: (key: string) => Promise<Answer>): Promise<void> {
    let n = 0;
    try {
      while (!this.isOver) {
        const begin = performance.now();
        const answers: Promise<Answer>[] = [];
        for (let k = 0; k < depth; k += 1) answers.push(set(`${name}:${n + k}`).then((answer) => this.note(answer)));
        n += depth;
        this.sent += depth;
        const settled = await Promise.allSettled(answers);
        this.longestWaitMs = Math.max(this.longestWaitMs, performance.now() - begin);
        if (settled.some(({ status }) => status === 'rejected')) return;
        // A client that is refused comes again soon, not at once.
        if (await this.wasRefused(answers)) await pause(10);
        else if (this.options.pauseMs !== undefined) await pause(this.options.pauseMs);
      }
    } catch {
      // The connection ended: that is the kill.
    }
  }

  private note(answer: Answer): Answer {
    if (answer.refusal === null) this.told.add(answer.key);
    else this.refused.set(answer.key, answer.refusal);
    return answer;
  }

  private async wasRefused(answers: readonly Promise<Answer>[]): Promise<boolean> {
    return (await Promise.all(answers)).some(({ refusal }) => refusal !== null);
  }
}

async function setByIoredis(client: Redis, key: string, value: string): Promise<Answer> {
  try {
    await client.set(key, value);
    return { key, refusal: null };
  } catch (error) {
    // A lost connection is no answer.
    if (error instanceof Error && error.name === 'ReplyError') return { key, refusal: error.message };
    throw error;
  }
}

const KEYS_AT_ONCE = 500;

async function existing(client: RespClient, keys: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
    const some = keys.slice(at, at + KEYS_AT_ONCE);
    const counts = await Promise.all(some.map((key) => client.ok('EXISTS', key)));
    some.forEach((key, i) => {
      if (counts[i] === 1) found.add(key);
    });
  }
  return found;
}

/** The fields of INFO, or of one section. */
export async function infoOf(client: RespClient, section = 'everything'): Promise<Map<string, string>> {
  const text = String(await client.ok('INFO', section));
  const fields = text.split('\r\n').filter((line) => line.includes(':'));
  return new Map(fields.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

/** Polls until it holds; what it waited for is in the error. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`never within ${timeoutMs} ms: ${what}`);
    await pause(10);
  }
}
