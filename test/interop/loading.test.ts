/**
 * What becomes of a log at start, situation by situation: Redis's outcome matrix. Each case writes a directory by hand, starts
 * real redis-server on one copy and the server under test on another, and compares outcome and data; messages that operators
 * match on are asserted in both logs. Where ours is to do better than Redis the case says what Redis does, and asserts that
 * too, so that the difference stays a difference.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type ChildServer, killAllServers } from '../support/child-server.js';
import { spawnEverysec, startEverysec } from '../support/everysec-server.js';
import {
  baseName,
  corruptCopies,
  flipByte,
  type HandMadeLog,
  hashesOf,
  incrName,
  lastFileOf,
  records,
  select0,
  sets,
  writeLog,
} from '../support/file-surgery.js';
import { spawnRedis } from '../support/redis-child.js';
import { describeWithRedis } from '../support/redis-server.js';
import type { RespClient } from '../support/resp-client.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

interface Outcome {
  readonly server: ChildServer;
  readonly dir: string;
  readonly started: boolean;
  readonly exitCode: number | null;
  /** `key=value` of database 0, sorted. */
  readonly data: readonly string[];
  readonly log: string;
}

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

const LOCK = /\.lock\./;

async function outcomeOf(server: ChildServer, dir: string): Promise<Outcome> {
  const started = (await server.started()) === 'serving';
  const exitCode = started ? null : (await server.exited).code;
  const data = started ? await dataOf(await server.connect()) : [];
  return { server, dir, started, exitCode, data, log: server.log };
}

async function dataOf(client: RespClient): Promise<string[]> {
  const keys = ((await client.ok('KEYS', '*')) as string[]).sort();
  return Promise.all(keys.map(async (key) => `${key}=${String(await client.ok('GET', key))}`));
}

async function redisOn(log: HandMadeLog, config: Record<string, string> = {}): Promise<Outcome> {
  const dir = tempDir('redis');
  writeLog(dir, log);
  return outcomeOf(await spawnRedis(dir, config), dir);
}

async function oursOn(log: HandMadeLog, config: Record<string, string> = {}): Promise<Outcome> {
  const dir = tempDir('ours');
  writeLog(dir, log);
  return outcomeOf(await spawnEverysec({ dir, config }), dir);
}

/** Both servers on copies of one log: same outcome, same data, and each message in both logs. */
async function bothOn(log: HandMadeLog, config: Record<string, string> = {}, ...messages: RegExp[]): Promise<[Outcome, Outcome]> {
  const [redis, ours] = await Promise.all([redisOn(log, config), oursOn(log, config)]);
  for (const message of messages) {
    expect(redis.log, 'the log of redis').toMatch(message);
    expect(ours.log, 'our log').toMatch(message);
  }
  expect(`${ours.started} ${ours.exitCode}`, ours.server.describe()).toBe(`${redis.started} ${redis.exitCode}`);
  expect(ours.data).toEqual(redis.data);
  return [redis, ours];
}

const incr = incrName(1);
const base = baseName(1);
const emptyBase = { [base]: '' };
const whole = sets(['a', '1'], ['b', '2']);

describeWithRedis('outcome matrix of loading', () => {
  it('a directory without a log starts empty', async () => {
    const [redis, ours] = await Promise.all([
      outcomeOf(await spawnRedis(tempDir('redis')), ''),
      outcomeOf(await spawnEverysec({ dir: tempDir('ours') }), ''),
    ]);
    expect(redis.started).toBe(true);
    expect(ours.started, ours.log).toBe(true);
    expect(ours.data).toEqual([]);
  });

  it('files of 0 bytes load as nothing', async () => {
    const [, ours] = await bothOn({ files: { [base]: '', [incr]: '' } });
    expect(ours.started).toBe(true);
  });

  it('a whole base and a whole incr load', async () => {
    const [, ours] = await bothOn({ files: { [base]: sets(['base', 'x']), [incr]: whole } });
    expect(ours.data).toEqual(['a=1', 'b=2', 'base=x']);
  });

  it('a file that the manifest names and that is missing refuses', async () => {
    const manifest = `file ${base} seq 1 type b\nfile ${incr} seq 1 type i\n`;
    await bothOn(
      { manifest, files: emptyBase },
      {},
      /Unable to obtain the AOF file \S+ length\. stat: No such file or directory/,
    );
  });

  it('an end inside a record of the last file is cut, and says so', async () => {
    const bytes = whole.subarray(0, whole.length - 3);
    const [redis, ours] = await bothOn(
      { files: { ...emptyBase, [incr]: bytes } },
      {},
      /!!! Warning: short read while loading the AOF file \S*appendonly\.aof\.1\.incr\.aof!!!/,
      /!!! Truncating the AOF \S*appendonly\.aof\.1\.incr\.aof (to|at) offset \d+ !!!/,
      /AOF \S*appendonly\.aof\.1\.incr\.aof loaded anyway because aof-load-truncated is enabled/,
    );
    expect(ours.data).toEqual(['a=1']);
    const good = sets(['a', '1']).length;
    expect(redis.log).toMatch(new RegExp(`offset ${good} `));
    expect(ours.log).toMatch(new RegExp(`offset ${good} `));
    // Ours keeps what it cut.
    const folder = join(ours.dir, 'appendonlydir');
    const copies = corruptCopies(folder, incr);
    expect(copies).toHaveLength(1);
    expect(readFileSync(join(folder, copies[0] ?? ''))).toEqual(Buffer.from(bytes.subarray(good)));
  });

  it('the same with aof-load-truncated no refuses and changes nothing', async () => {
    const log = { files: { ...emptyBase, [incr]: whole.subarray(0, whole.length - 3) } };
    const [, ours] = await bothOn(
      log,
      { 'aof-load-truncated': 'no' },
      /Unexpected end of file reading the append only file \S*appendonly\.aof\.1\.incr\.aof\. You can:/,
      /aof-load-truncated/,
    );
    expect(ours.exitCode).toBe(1);
    expect(readFileSync(join(ours.dir, 'appendonlydir', incr))).toEqual(Buffer.from(log.files[incr] ?? ''));
  });

  it('a clean end with an open MULTI is reverted to before the MULTI', async () => {
    const open = Buffer.concat([whole, records(['MULTI'], ['SET', 'c', '3'], ['SET', 'd', '4'])]);
    const [redis, ours] = await bothOn(
      { files: { ...emptyBase, [incr]: open } },
      {},
      /Revert incomplete MULTI\/EXEC transaction in AOF file \S*appendonly\.aof\.1\.incr\.aof/,
    );
    expect(ours.data).toEqual(['a=1', 'b=2']);
    expect(statSync(join(redis.dir, 'appendonlydir', incr)).size).toBe(whole.length);
    // What stands where the cut was is our own session by now; the plain part before it is untouched.
    expect(readFileSync(join(ours.dir, 'appendonlydir', incr)).subarray(0, whole.length)).toEqual(whole);
  });

  it('a byte that cannot be refuses', async () => {
    const bad = Buffer.concat([whole, Buffer.from('!!'), records(['SET', 'c', '3'])]);
    const log = { files: { ...emptyBase, [incr]: bad } };
    const [, ours] = await bothOn(
      log,
      {},
      /Bad file format reading the append only file \S*appendonly\.aof\.1\.incr\.aof: make a backup of your AOF file, then use/,
    );
    expect(ours.exitCode).toBe(1);
    expect(readFileSync(join(ours.dir, 'appendonlydir', incr))).toEqual(bad);
  });

  it('a missing $ refuses', async () => {
    const bad = Buffer.concat([whole, Buffer.from('*1\r\n4\r\nPING\r\n')]);
    await bothOn({ files: { ...emptyBase, [incr]: bad } }, {}, /Bad file format reading the append only file/);
  });

  it('an argument count below 1 refuses', async () => {
    await bothOn(
      { files: { ...emptyBase, [incr]: Buffer.concat([whole, Buffer.from('*0\r\n')]) } },
      {},
      /Bad file format reading the append only file/,
    );
  });

  it('an unknown command refuses and is named', async () => {
    const unknown = Buffer.concat([whole, records(['FROBNICATE', 'x'])]);
    const [, ours] = await bothOn(
      { files: { ...emptyBase, [incr]: unknown } },
      {},
      /Unknown command 'FROBNICATE' reading the append only file \S*appendonly\.aof\.1\.incr\.aof/,
    );
    expect(ours.exitCode).toBe(1);
  });

  it('a damaged RDB base refuses, and nothing changes', async () => {
    // Header, an aux field, end mark and eight wrong checksum bytes.
    const rdb = Buffer.concat([Buffer.from('REDIS0010'), Buffer.from([0xfa, 1, 0x61, 1, 0x62, 0xff, 1, 2, 3, 4, 5, 6, 7, 8])]);
    const log = { files: { [baseName(1, 'rdb')]: rdb, [incr]: whole } };
    const [redis, ours] = await Promise.all([redisOn(log), oursOn(log)]);
    expect([redis.started, ours.started]).toEqual([false, false]);
    expect(redis.exitCode).toBe(1);
    expect(ours.exitCode, ours.log).toBe(1);
    expect(ours.log).toMatch(/appendonly\.aof\.1\.base\.rdb/);
    expect(readFileSync(join(ours.dir, 'appendonlydir', baseName(1, 'rdb')))).toEqual(rdb);
  });

  it('an error reply during replay is logged, and loading goes on', async () => {
    const wrong = Buffer.concat([sets(['a', 'text']), records(['INCR', 'a'], ['SET', 'b', '2'])]);
    const [, ours] = await bothOn(
      { files: { ...emptyBase, [incr]: wrong } },
      {},
      /== CRITICAL == This server is sending an error to its AOF-loading-client: /,
    );
    expect(ours.data).toEqual(['a=text', 'b=2']);
  });

  it('a read error is not taken for the end', async () => {
    const manifest = `file ${base} seq 1 type b\nfile ${incr} seq 1 type i\n`;
    const outcomes: Outcome[] = [];
    for (const spawn of [() => spawnRedis, () => (dir: string) => spawnEverysec({ dir })]) {
      const dir = tempDir('read-error');
      writeLog(dir, { manifest, files: emptyBase });
      // Reading a directory fails with EISDIR.
      mkdirSync(join(dir, 'appendonlydir', incr, 'x'), { recursive: true });
      outcomes.push(await outcomeOf(await spawn()(dir), dir));
    }
    for (const outcome of outcomes) {
      expect(outcome.started, outcome.log).toBe(false);
      expect(outcome.exitCode).toBe(1);
      expect(outcome.log).toMatch(/appendonly\.aof\.1\.incr\.aof/);
    }
  });

  it('# lines between records are skipped, timestamps among them', async () => {
    const noted = Buffer.concat([
      Buffer.from('#TS:1700000000\r\n'),
      whole,
      Buffer.from('# a note\r\n#TS:1700000001\r\n'),
      records(['SET', 'c', '3']),
    ]);
    const [, ours] = await bothOn({ files: { ...emptyBase, [incr]: noted } });
    expect(ours.data).toEqual(['a=1', 'b=2', 'c=3']);
  });

  it('transactions and expiry times replay', async () => {
    const bytes = Buffer.concat([
      records(['MULTI'], ['SELECT', '0'], ['SET', 'a', '1'], ['INCR', 'a'], ['EXEC']),
      records(['SET', 'long', 'x', 'PXAT', '4102444800000'], ['SET', 'past', 'x'], ['PEXPIREAT', 'past', '1000']),
      records(['set', 'lower', 'case'], ['SELECT', '3'], ['SET', 'other', 'db']),
    ]);
    const [, ours] = await bothOn({ files: { ...emptyBase, [incr]: bytes } });
    expect(ours.data).toEqual(['a=2', 'long=x', 'lower=case']);
  });
});

describeWithRedis('where Redis loses data and this engine does not', () => {
  it('a torn record inside MULTI is cut before the MULTI, so that later writes survive the next start', async () => {
    const torn = Buffer.concat([whole, records(['MULTI'], ['SET', 'foo', 'half'], ['SET', 'bar', 'half']).subarray(0, -4)]);
    const log = { files: { ...emptyBase, [incr]: torn } };
    const after: string[][] = [];
    for (const first of [await redisOn(log), await oursOn(log)]) {
      expect(first.started, first.log).toBe(true);
      const client = await first.server.connect();
      expect(await client.ok('SET', 'later', 'yes')).toBe('OK');
      await first.server.terminate();
      const again = first.server.commandLine.startsWith('redis-server')
        ? await spawnRedis(first.dir)
        : await spawnEverysec({ dir: first.dir });
      const second = await outcomeOf(again, first.dir);
      expect(second.started, second.log).toBe(true);
      after.push([...second.data]);
    }
    const [redis, ours] = after;
    expect(ours).toEqual(['a=1', 'b=2', 'later=yes']);
    expect(redis, 'Redis 7.0.15 reverts everything since').toEqual(['a=1', 'b=2']);
  });

  it('a later transaction does not complete a torn one', async () => {
    const torn = Buffer.concat([whole, records(['MULTI'], ['SET', 'foo', 'half'], ['SET', 'bar', 'half']).subarray(0, -4)]);
    const first = await oursOn({ files: { ...emptyBase, [incr]: torn } });
    const client = await first.server.connect();
    await client.ok('MULTI');
    await client.ok('SET', 'x', '1');
    await client.ok('SET', 'y', '2');
    await client.ok('EXEC');
    await first.server.terminate();
    const second = await outcomeOf(await spawnEverysec({ dir: first.dir }), first.dir);
    expect(second.data, second.log).toEqual(['a=1', 'b=2', 'x=1', 'y=2']);
  });

  it('a short file that is not the last refuses at every start, and nothing is cut', async () => {
    const log = { files: { ...emptyBase, [incrName(1)]: whole.subarray(0, -3), [incrName(2)]: sets(['c', '3']) } };
    const redis = await redisOn(log);
    expect(redis.started).toBe(false);
    expect(redis.log).toMatch(/Fatal error: the truncated file is not the last file/);
    const redisAgain = await outcomeOf(await spawnRedis(redis.dir), redis.dir);
    expect(redisAgain.data, 'Redis 7.0.15 has cut the file and starts with a hole').toEqual(['a=1', 'c=3']);

    const dir = tempDir('ours');
    writeLog(dir, log);
    const before = hashesOf(dir);
    for (let start = 1; start <= 3; start += 1) {
      const ours = await outcomeOf(await spawnEverysec({ dir }), dir);
      expect(ours.started, `start ${start}`).toBe(false);
      expect(ours.exitCode).toBe(1);
      expect(ours.log).toMatch(/not the last file/);
      expect(hashesOf(dir, LOCK), `start ${start}`).toEqual(before);
    }
  });

  it('a flipped byte in a checksummed value refuses; Redis loads the wrong value', async () => {
    const dir = tempDir('flip');
    const server = await startEverysec({ dir });
    const client = await server.connect();
    await client.ok('SET', 'key', 'the right value');
    await server.terminate();
    const file = lastFileOf(dir);
    const bytes = readFileSync(file);
    writeFileSync(file, flipByte(bytes, bytes.indexOf('right'), 0x01));

    const before = hashesOf(dir, LOCK);
    const ours = await outcomeOf(await spawnEverysec({ dir }), dir);
    expect(ours.started).toBe(false);
    expect(ours.log).toMatch(/AOF_CORRUPT|Bad file format/);
    expect(hashesOf(dir, LOCK)).toEqual(before);

    const redis = await outcomeOf(await spawnRedis(dir), dir);
    expect(redis.data).toEqual(['key=the sight value']);
  });

  it('bytes other than CRLF behind an argument refuse; Redis does not look', async () => {
    const bytes = Buffer.concat([
      select0,
      Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1XY'),
      records(['SET', 'b', '2'], ['SET', 'c', '3'], ['SET', 'd', '4']),
    ]);
    const log = { files: { ...emptyBase, [incr]: bytes } };
    const [redis, ours] = await Promise.all([redisOn(log), oursOn(log)]);
    expect(redis.data).toEqual(['a=1', 'b=2', 'c=3', 'd=4']);
    expect(ours.started).toBe(false);
    expect(ours.log).toMatch(/Bad file format reading the append only file/);
  });

  it('a tail of zeros counts as truncated; Redis calls it bad', async () => {
    const log = { files: { ...emptyBase, [incr]: Buffer.concat([whole, Buffer.alloc(4096)]) } };
    const [redis, ours] = await Promise.all([redisOn(log), oursOn(log)]);
    expect(redis.started).toBe(false);
    expect(ours.started, ours.log).toBe(true);
    expect(ours.data).toEqual(['a=1', 'b=2']);
    expect(corruptCopies(join(ours.dir, 'appendonlydir'), incr)).toHaveLength(1);
  });

  it('a length that swallows the records behind it refuses; Redis cuts them all away', async () => {
    const good = ['c', 'd', 'e', 'f'].map((key) => ['SET', key, 'kept']);
    const bytes = Buffer.concat([whole, Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$9999\r\nvalue\r\n'), records(...good)]);
    const log = { files: { ...emptyBase, [incr]: bytes } };
    const [redis, ours] = await Promise.all([redisOn(log), oursOn(log)]);
    expect(redis.data).toEqual(['a=1', 'b=2']);
    expect(ours.started).toBe(false);
    expect(ours.exitCode).toBe(1);
    expect(readFileSync(join(ours.dir, 'appendonlydir', incr))).toEqual(bytes);
  });

  it('signs and letters in numbers refuse; Redis reads past them', async () => {
    const bytes = Buffer.concat([
      select0,
      Buffer.from('*3abc\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n'),
      records(['SET', 'b', '2']),
    ]);
    const log = { files: { ...emptyBase, [incr]: bytes } };
    const [redis, ours] = await Promise.all([redisOn(log), oursOn(log)]);
    expect(redis.data).toEqual(['a=1', 'b=2']);
    expect(ours.started).toBe(false);
  });
});
