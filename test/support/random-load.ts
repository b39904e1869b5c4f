/**
 * A seeded stream of string, key, expiry and database commands that redis-server 7.0 knows, for servers to run and logs to
 * carry. Few keys and few databases, so that commands meet each other's results; expiry times far away, or over in
 * milliseconds.
 *
 * Then the comparison: datasetOf() shows what DEBUG DIGEST covers and the expiry times that it leaves out.
 */
import { type RespClient, RespError, type RespValue } from './resp-client.js';
import type { Random } from './seeded-random.js';

export type LoadCommand = (string | Buffer)[];

const DATABASES = 4;
const KEYS = 40;
const HOUR_MS = 3_600_000;

/** One step of the load: a command, or several to be sent as MULTI .. EXEC. */
export interface LoadStep {
  readonly commands: readonly LoadCommand[];
  readonly isTransaction: boolean;
}

export interface LoadOptions {
  readonly steps: number;
  readonly nowMs: number;
  /** Expiry times that end during the load (default). Without them two servers end with the same data. */
  readonly hasShortTimes?: boolean;
}

export function* randomLoad(random: Random, options: LoadOptions): Generator<LoadStep> {
  for (let i = 0; i < options.steps; i += 1) {
    if (random.chance(0.06)) {
      const commands = Array.from({ length: random.between(1, 6) }, () => randomCommand(random, options));
      yield { commands, isTransaction: true };
    } else {
      yield { commands: [randomCommand(random, options)], isTransaction: false };
    }
  }
}

type Maker = (random: Random, options: LoadOptions) => LoadCommand;

const makers: ReadonlyArray<readonly [weight: number, make: Maker]> = [
  [8, (r) => ['SET', key(r), value(r)]],
  [6, (r, o) => ['SET', key(r), value(r), ...setOptions(r, o)]],
  [2, (r) => ['SETNX', key(r), value(r)]],
  [2, (r) => ['SETEX', key(r), text(r.between(3600, 90_000)), value(r)]],
  [2, (r, o) => ['PSETEX', key(r), milliseconds(r, o), value(r)]],
  [2, (r) => ['GETSET', key(r), value(r)]],
  [2, (r) => ['GETDEL', key(r)]],
  [
    3,
    (r, o) => [
      'GETEX',
      key(r),
      ...r.pick([['PERSIST'], ['EX', '7200'], ['PX', milliseconds(r, o)], ['PXAT', text(o.nowMs + 2 * HOUR_MS)], []]),
    ],
  ],
  [4, (r) => ['APPEND', key(r), value(r)]],
  [3, (r) => ['INCR', counter(r)]],
  [3, (r) => ['INCRBY', counter(r), text(r.between(-1000, 1000))]],
  [2, (r) => ['DECR', counter(r)]],
  [2, (r) => ['DECRBY', counter(r), text(r.below(500))]],
  [2, (r) => ['INCRBYFLOAT', counter(r), text(r.between(-800, 800) / 8)]],
  [3, (r) => ['MSET', ...pairs(r)]],
  [2, (r) => ['MSETNX', ...pairs(r)]],
  [3, (r) => ['SETRANGE', key(r), text(r.below(60)), value(r)]],
  [1, (r) => ['GETRANGE', key(r), '0', '20']],
  [4, (r) => [r.pick(['DEL', 'UNLINK']), key(r), key(r)]],
  [5, (r) => ['EXPIRE', key(r), text(r.between(3600, 90_000)), ...condition(r)]],
  [2, (r, o) => ['PEXPIRE', key(r), milliseconds(r, o)]],
  [2, (r, o) => ['EXPIREAT', key(r), text(Math.floor(o.nowMs / 1000) + r.between(3600, 90_000)), ...condition(r)]],
  [2, (r, o) => ['PEXPIREAT', key(r), text(o.nowMs + r.between(-5, 40) * HOUR_MS)]],
  [2, (r) => ['PERSIST', key(r)]],
  [2, (r) => ['RENAME', key(r), key(r)]],
  [2, (r) => ['RENAMENX', key(r), key(r)]],
  [3, (r) => ['COPY', key(r), key(r), ...r.pick([[], ['REPLACE'], ['DB', text(r.below(DATABASES)), 'REPLACE']])]],
  [3, (r) => ['MOVE', key(r), text(r.below(DATABASES))]],
  [6, (r) => [r.pick(['LPUSH', 'RPUSH']), list(r), value(r), ...Array.from({ length: r.below(8) }, () => value(r))]],
  [3, (r) => [r.pick(['LPOP', 'RPOP']), list(r), ...r.pick([[], [text(r.below(4))]])]],
  [2, (r) => ['LSET', list(r), text(r.between(-6, 6)), value(r)]],
  [1, (r) => ['LINSERT', list(r), r.pick(['BEFORE', 'AFTER']), text(r.below(50)), value(r)]],
  [1, (r) => ['LREM', list(r), text(r.between(-2, 2)), text(r.below(50))]],
  [1, (r) => ['LTRIM', list(r), '0', text(r.between(3, 40))]],
  [2, (r) => ['LMOVE', list(r), list(r), r.pick(['LEFT', 'RIGHT']), r.pick(['LEFT', 'RIGHT'])]],
  [1, (r) => ['RPOPLPUSH', list(r), list(r)]],
  [1, (r) => ['LMPOP', '2', list(r), list(r), r.pick(['LEFT', 'RIGHT']), 'COUNT', text(r.between(1, 3))]],
  [6, (r) => ['HSET', hash(r), ...Array.from({ length: r.between(1, 6) }, () => [field(r), value(r)]).flat()]],
  [2, (r) => ['HDEL', hash(r), field(r), field(r)]],
  [1, (r) => ['HSETNX', hash(r), field(r), value(r)]],
  [2, (r) => ['HINCRBY', hash(r), field(r), text(r.between(-50, 50))]],
  [1, (r) => ['HINCRBYFLOAT', hash(r), field(r), text(r.between(-80, 80) / 8)]],
  [8, (r) => ['SELECT', text(r.below(DATABASES))]],
  [1, (r) => ['SWAPDB', text(r.below(DATABASES)), text(r.below(DATABASES))]],
  [0.1, () => ['FLUSHDB']],
  [0.03, () => ['FLUSHALL']],
];
const totalWeight = makers.reduce((sum, [weight]) => sum + weight, 0);

export function randomCommand(random: Random, options: LoadOptions): LoadCommand {
  let ticket = (random.below(1_000_000) / 1_000_000) * totalWeight;
  for (const [weight, make] of makers) {
    ticket -= weight;
    if (ticket < 0) return make(random, options);
  }
  return ['SET', key(random), value(random)];
}

function key(r: Random): string {
  return r.chance(0.03) ? `binary\0\r\n$3 #${r.below(5)}` : `k:${r.below(KEYS)}`;
}

function list(r: Random): string {
  return r.chance(0.05) ? key(r) : `l:${r.below(6)}`;
}

function hash(r: Random): string {
  return r.chance(0.05) ? key(r) : `h:${r.below(6)}`;
}

function field(r: Random): string {
  return `f${r.below(r.pick([4, 40, 1000]))}`;
}

function counter(r: Random): string {
  return r.chance(0.1) ? key(r) : `n:${r.below(10)}`;
}

function value(r: Random): Buffer {
  if (r.chance(0.3)) return Buffer.from(String(r.between(-1_000_000, 1_000_000)));
  if (r.chance(0.05)) return Buffer.from('*1\r\n$8\r\nFLUSHALL\r\n#EVS1 0 0 0 00000000\r\n');
  return r.bytes(r.chance(0.02) ? r.logBetween(1000, 300_000) : r.below(80));
}

function pairs(r: Random): LoadCommand {
  return Array.from({ length: r.between(1, 5) }, () => [key(r), value(r)]).flat();
}

function setOptions(r: Random, o: LoadOptions): string[] {
  const time = r.pick([
    [],
    [],
    ['EX', '7200'],
    ['PX', milliseconds(r, o)],
    ['EXAT', text(Math.floor(o.nowMs / 1000) + 9000)],
    ['PXAT', text(o.nowMs + HOUR_MS)],
    ['KEEPTTL'],
  ]);
  const guard = r.pick([[], [], ['NX'], ['XX']]);
  return [...guard, ...(r.chance(0.2) && guard[0] !== 'NX' ? ['GET'] : []), ...time];
}

function condition(r: Random): string[] {
  return r.chance(0.4) ? [r.pick(['NX', 'XX', 'GT', 'LT'])] : [];
}

/** Over at once, or not while the test runs. */
function milliseconds(r: Random, o: LoadOptions): string {
  return text(r.chance(0.3) && o.hasShortTimes !== false ? r.between(1, 30) : r.between(HOUR_MS, 30 * HOUR_MS));
}

function text(n: number): string {
  return String(n);
}

export interface LoadReport {
  readonly commands: number;
  readonly errors: number;
}

/** Runs the load in pipelines of random depth. Error replies (WRONGTYPE, not an integer ...) belong to it and are counted. */
export async function runLoad(client: RespClient, random: Random, options: LoadOptions): Promise<LoadReport> {
  let commands = 0;
  let errors = 0;
  const count = (reply: RespValue) => {
    commands += 1;
    if (reply instanceof RespError) errors += 1;
  };
  let inFlight: Promise<RespValue>[] = [];
  let depth = 1;
  for (const step of randomLoad(random, options)) {
    const lines = step.isTransaction ? [['MULTI'], ...step.commands, ['EXEC']] : step.commands;
    for (const line of lines) inFlight.push(client.call(...line));
    if (inFlight.length < depth) continue;
    for (const reply of await Promise.all(inFlight)) count(reply);
    inFlight = [];
    depth = random.logBetween(1, 100);
  }
  for (const reply of await Promise.all(inFlight)) count(reply);
  return { commands, errors };
}

/**
 * Waits until what has expired is gone too, in every database: DEBUG DIGEST counts keys whose time is over and that nobody has
 * met yet, and KEYS only hides them. The active expire cycle removes them.
 */
export async function settleExpiry(client: RespClient): Promise<void> {
  const deadline = performance.now() + 10_000;
  await new Promise((resolve) => setTimeout(resolve, 40));
  for (let db = 0; db < 16; db += 1) {
    await client.ok('SELECT', db);
    for (;;) {
      const shown = ((await client.ok('KEYS', '*')) as string[]).length;
      if ((await client.ok('DBSIZE')) === shown) break;
      if (performance.now() > deadline) throw new Error(`database ${db} keeps expired keys for 10 s`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  await client.ok('SELECT', 0);
}

export interface Dataset {
  /** DEBUG DIGEST: every key and value of every database. */
  readonly digest: string;
  /** `db key expire-time-ms`, sorted: what the digest leaves out. */
  readonly expiries: readonly string[];
  readonly keys: number;
}

export async function datasetOf(client: RespClient): Promise<Dataset> {
  await settleExpiry(client);
  const expiries: string[] = [];
  let keys = 0;
  for (let db = 0; db < 16; db += 1) {
    await client.ok('SELECT', db);
    const names = (await client.ok('KEYS', '*')) as string[];
    keys += names.length;
    const times = await Promise.all(names.map((name) => client.ok('PEXPIRETIME', name)));
    names.forEach((name, i) => {
      if (times[i] !== -1) expiries.push(`${db} ${JSON.stringify(name)} ${String(times[i])}`);
    });
  }
  await client.ok('SELECT', 0);
  return { digest: String(await client.ok('DEBUG', 'DIGEST')), expiries: expiries.sort(), keys };
}
