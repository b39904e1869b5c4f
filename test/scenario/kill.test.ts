/**
 * kill -9 right after the reply: whatever was answered is there after the next start, under every policy. The directory stays
 * the same over the rounds, so each start also reads what all earlier crashes left behind.
 *
 * Under `everysec` and `no` replies may run ahead of a write that takes more than 100 ms (docs/durability.md). For a kill it is all the same
 * whether the bytes are on a disk, so these policies run in memory, where others cannot make a write wait; where one took that long all the
 * same, the rig waits for it before it kills, and counts.
 *
 * Bounded here; EVERYSEC_LONG=1 runs 200 rounds each. Both backends take part through the two runs of the suite.
 */
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { type ChildServer, killAllServers, pause } from '../support/child-server.js';
import { backendUnderTest, FSYNC_POLICIES, type FsyncPolicy, startEverysec } from '../support/everysec-server.js';
import type { RespClient, RespValue } from '../support/resp-client.js';
import { isLongRun, Random, sized, testSeed } from '../support/seeded-random.js';
import { memoryDir, removeTempDirs, tempDir } from '../support/temp-dirs.js';

const backend = backendUnderTest();
const seed = testSeed();
const LARGEST_VALUE = 16 * 1024 * 1024;

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

/** What clients were told: key to a fingerprint of its value. */
class Acknowledged {
  private readonly values = new Map<string, string>();

  note(key: string, value: Buffer): void {
    this.values.set(key, fingerprint(value));
  }

  get size(): number {
    return this.values.size;
  }

  /** Keys that are missing or differ on the server. */
  async missingFrom(client: RespClient, keys: Iterable<string> = this.values.keys()): Promise<string[]> {
    const missing: string[] = [];
    for (const key of keys) {
      const found = await client.ok('GET', key);
      if (typeof found !== 'string' || fingerprint(Buffer.from(found, 'latin1')) !== this.values.get(key)) missing.push(key);
    }
    return missing;
  }

  latest(count: number): string[] {
    return [...this.values.keys()].slice(-count);
  }
}

function fingerprint(value: Buffer): string {
  return `${value.length} ${createHash('sha1').update(value).digest('hex')}`;
}

/** A value whose size is log-distributed from 1 byte to 16 MiB; one of each series is 16 MiB. */
function someValue(random: Random, round: number): Buffer {
  return random.bytes(round === 3 ? LARGEST_VALUE : random.logBetween(1, LARGEST_VALUE));
}

function directoryFor(policy: FsyncPolicy, label: string): string {
  return policy === 'always' ? tempDir(label) : memoryDir(label);
}

const STALL_MS = 100;

/** Resolves when everything that was appended is written. */
async function allWritten(client: RespClient): Promise<void> {
  for (;;) {
    const info = String(await client.ok('INFO', 'persistence'));
    const [appended, written] = ['appended', 'written'].map((name) => new RegExp(`aof_${name}_lsn:(\\d+)`).exec(info)?.[1]);
    if (appended !== undefined && appended === written) return;
    await pause(5);
  }
}

async function serve(dir: string, appendfsync: FsyncPolicy): Promise<ChildServer> {
  return startEverysec({ dir, appendfsync });
}

describe(`kill -9 after the reply, backend ${backend}`, () => {
  const rounds = sized(12, 200);

  it('INFO names the backend that runs', async () => {
    const server = await serve(tempDir('kill'), 'everysec');
    const info = String(await (await server.connect()).ok('INFO', 'everysec'));
    expect(info).toContain(`\nbackend:${backend}\r\n`);
  });

  it.each(FSYNC_POLICIES)(
    `appendfsync %s: no answered SET is lost in ${rounds} rounds`,
    async (policy) => {
      const random = new Random(seed);
      const dir = directoryFor(policy, `kill-${policy}`);
      const told = new Acknowledged();
      let bytes = 0;
      let waits = 0;
      for (let round = 0; round < rounds; round += 1) {
        const server = await serve(dir, policy);
        const client = await server.connect();
        expect(await told.missingFrom(client, told.latest(2)), `seed ${seed}, round ${round}`).toEqual([]);
        const value = someValue(random, round);
        const key = `round:${round}`;
        const sentAt = performance.now();
        expect(await client.call('SET', key, value)).toBe('OK');
        if (policy !== 'always' && performance.now() - sentAt > STALL_MS) {
          waits += 1;
          await allWritten(client);
        }
        server.signal('SIGKILL');
        told.note(key, value);
        bytes += value.length;
        await server.kill();
      }
      const last = await serve(dir, policy);
      const client = await last.connect();
      expect(await client.ok('DBSIZE')).toBe(rounds);
      expect(await told.missingFrom(client), `seed ${seed}`).toEqual([]);
      console.log(
        `kill -9 after SET: ${backend} ${policy}, ${rounds} rounds, ${bytes} bytes, nothing lost, ${waits} slow writes waited for (seed ${seed})`,
      );
    },
    isLongRun ? 3_600_000 : 60_000,
  );

  it.each(FSYNC_POLICIES)(
    'appendfsync %s: pipelines and transactions that were answered survive whole',
    async (policy) => {
      const random = new Random(seed + 1);
      const dir = directoryFor(policy, `kill-units-${policy}`);
      const told = new Acknowledged();
      const rounds = sized(6, 100);
      for (let round = 0; round < rounds; round += 1) {
        const server = await serve(dir, policy);
        const client = await server.connect();
        const isTransaction = round % 2 === 1;
        const pairs = Array.from({ length: random.logBetween(2, 2000) }, (_, i): [string, Buffer] => [
          `unit:${round}:${i}`,
          random.bytes(random.below(200)),
        ]);
        const sent: Promise<RespValue>[] = [];
        const sentAt = performance.now();
        if (isTransaction) sent.push(client.call('MULTI'));
        for (const [key, value] of pairs) sent.push(client.call('SET', key, value));
        if (isTransaction) sent.push(client.call('EXEC'));
        const replies = await Promise.all(sent);
        if (policy !== 'always' && performance.now() - sentAt > STALL_MS) await allWritten(client);
        server.signal('SIGKILL');
        if (isTransaction) expect(replies.at(-1)).toEqual(pairs.map(() => 'OK'));
        else expect(replies.every((reply) => reply === 'OK')).toBe(true);
        for (const [key, value] of pairs) told.note(key, value);
        await server.kill();
      }
      const client = await (await serve(dir, policy)).connect();
      expect(await told.missingFrom(client), `seed ${seed}`).toEqual([]);
      expect(await client.ok('DBSIZE')).toBe(told.size);
      console.log(
        `kill -9 after pipelines and EXEC: ${backend} ${policy}, ${rounds} rounds, ${told.size} keys, nothing lost (seed ${seed})`,
      );
    },
    isLongRun ? 1_200_000 : 60_000,
  );
});

/**
 * Clients that write without pause and remember what was answered; the kill comes at a random moment, in the middle of
 * whatever the server does. Each client counts up: after the restart its numbers must be a prefix, no shorter than what
 * was answered; its pairs (written in MULTI) must be equal.
 */
class CountingClient {
  answered = 0;
  sent = 0;

  constructor(
    readonly name: string,
    private readonly depth: number,
    private readonly random: Random,
  ) {}

  async run(client: RespClient): Promise<void> {
    const oneBatch = async () => {
      const first = this.sent + 1;
      const last = this.sent + this.depth;
      this.sent = last;
      const filler = this.random.bytes(this.random.logBetween(1, 20_000));
      const replies: Promise<RespValue>[] = [];
      for (let n = first; n <= last; n += 1) {
        const answers = [
          client.call('MULTI'),
          client.call('SET', `${this.name}:left`, n),
          client.call('APPEND', `${this.name}:log`, `${n},`),
          client.call('SET', `${this.name}:filler:${n % 7}`, filler),
          client.call('SET', `${this.name}:right`, n),
          client.call('EXEC'),
        ];
        for (const answer of answers.slice(0, -1)) answer.catch(() => {});
        replies.push(answers.at(-1) ?? Promise.resolve(null));
      }
      for (const [i, reply] of replies.entries()) {
        reply.then(
          (value) => {
            if (Array.isArray(value)) this.answered = Math.max(this.answered, first + i);
          },
          () => {},
        );
      }
      await Promise.all(replies);
    };
    try {
      for (;;) await oneBatch();
    } catch {
      // The connection ended: that is the kill.
    }
  }

  /** Empty when the server holds a prefix of what was sent that reaches at least as far as what was answered. */
  async complaint(client: RespClient): Promise<string> {
    const left = Number((await client.ok('GET', `${this.name}:left`)) ?? 0);
    const right = Number((await client.ok('GET', `${this.name}:right`)) ?? 0);
    const log = String((await client.ok('GET', `${this.name}:log`)) ?? '');
    const numbers = log
      .split(',')
      .filter((text) => text !== '')
      .map(Number);
    if (left !== right) return `${this.name}: half a transaction, left ${left}, right ${right}`;
    if (left < this.answered) return `${this.name}: answered up to ${this.answered}, found ${left}`;
    if (left > this.sent) return `${this.name}: sent ${this.sent}, found ${left}`;
    if (numbers.length !== left || numbers.some((n, i) => n !== i + 1)) return `${this.name}: not 1..${left}: ${log.slice(-100)}`;
    this.answered = left;
    this.sent = left;
    return '';
  }
}

describe(`kill -9 in the middle of a load, backend ${backend}`, () => {
  it.each(FSYNC_POLICIES)(
    'appendfsync %s: what was answered is there, in order, and no transaction is half',
    async (policy) => {
      const random = new Random(seed + 2);
      const dir = directoryFor(policy, `kill-load-${policy}`);
      const clients = [1, 1, 5, 40].map((depth, i) => new CountingClient(`c${i}`, depth, random));
      const rounds = sized(6, 200);
      for (let round = 0; round < rounds; round += 1) {
        const server = await serve(dir, policy);
        const runs = await Promise.all(clients.map(async (client) => ({ done: client.run(await server.connect()) })));
        await pause(random.logBetween(2, 400));
        await server.kill();
        await Promise.all(runs.map((run) => run.done));

        const again = await serve(dir, policy);
        const reader = await again.connect();
        const complaints = (await Promise.all(clients.map((client) => client.complaint(reader)))).filter((text) => text !== '');
        expect(complaints, `seed ${seed}, round ${round}, ${again.describe()}`).toEqual([]);
        // Half of the rounds go on from a clean end, half from another kill.
        if (round % 2 === 0) await again.terminate();
        else await again.kill();
      }
      const transactions = clients.reduce((sum, client) => sum + client.answered, 0);
      expect(transactions).toBeGreaterThan(rounds);
      console.log(
        `kill -9 under load: ${backend} ${policy}, ${rounds} rounds, ${transactions} transactions, nothing lost (seed ${seed})`,
      );
    },
    isLongRun ? 3_600_000 : 60_000,
  );
});
