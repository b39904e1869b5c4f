/**
 * Situations in which Redis 7.0 loses data or stays broken, side by side: what redis-server does, so that the claim stays true, and
 * what we do. Faults come from strace (one system call of one thread fails), from damage made by hand, from a clock that is set back.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type ChildServer, killAllServers, pause } from '../support/child-server.js';
import { backendUnderTest, type FsyncPolicy, spawnEverysec } from '../support/everysec-server.js';
import { copyDir, flipByte, hashesOf, incrName, records, select0, sets, writeLog } from '../support/file-surgery.js';
import { describeOnMachine } from '../support/machine.js';
import { spawnRedis } from '../support/redis-child.js';
import { RespError } from '../support/resp-client.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';
import { WallClock } from '../support/wall-clock.js';

const backend = backendUnderTest();
const LOCKS = /\.lock\./;

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

interface StartOptions {
  readonly dir: string;
  readonly appendfsync?: FsyncPolicy;
  readonly under?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

const redis = ({ dir, appendfsync = 'everysec', env, under }: StartOptions) => spawnRedis(dir, { appendfsync }, env, under);
const ours = (options: StartOptions) => spawnEverysec(options);
const folder = (dir: string) => join(dir, 'appendonlydir');

/** The n-th call of each thread fails, once. */
function failing(call: string, errno: string, nth: number, path?: string): string[] {
  const filter = path === undefined ? [] : ['-P', path];
  return [
    'strace',
    '-D',
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    ...filter,
    '-e',
    `trace=${call}`,
    '-e',
    `inject=${call}:error=${errno}:when=${nth}`,
  ];
}

/** Keys that a start finds, or null where it ends instead. */
async function keysAfterStart(spawned: Promise<ChildServer>): Promise<string[] | null> {
  const server = await spawned;
  if ((await server.started()) === 'exited') return null;
  const client = await server.connect();
  const keys = ((await client.ok('KEYS', '*')) as string[]).sort();
  await server.kill();
  return keys;
}

describeOnMachine(
  `one system call fails, redis-server and backend ${backend}`,
  { privileges: ['trace'], tools: ['redis-server'] },
  () => {
    /** Writes until one is refused, then for `ms` more; whether the last one is taken. */
    async function isWellAgain(
      server: ChildServer,
      ms: number,
    ): Promise<{ wasRefused: boolean; isWell: boolean; told: string[] }> {
      const client = await server.connect();
      const told: string[] = [];
      let wasRefused = false;
      let isWell = false;
      let until = performance.now() + 8000;
      for (let i = 0; performance.now() < until; i += 1) {
        const reply = await client.call('SET', `k:${i}`, 'v');
        isWell = reply === 'OK';
        if (isWell) told.push(`k:${i}`);
        else if (!wasRefused) {
          wasRefused = true;
          until = performance.now() + ms;
        }
        await pause(20);
      }
      return { wasRefused, isWell, told };
    }

    it('everysec, one fdatasync fails with EIO: Redis refuses writes for good, we go on with a new segment and lose nothing', async () => {
      const dirs = { theirs: tempDir('defect'), mine: tempDir('defect') };
      const under = (dir: string) => failing('fdatasync', 'EIO', 2, join(folder(dir), incrName(1)));
      const theirs = await (await redis({ dir: dirs.theirs, under: under(dirs.theirs) })).ready();
      const mine = await (await ours({ dir: dirs.mine, under: under(dirs.mine) })).ready();
      const [redisSaw, weSaw] = await Promise.all([isWellAgain(theirs, 4000), isWellAgain(mine, 4000)]);
      expect(redisSaw).toMatchObject({ wasRefused: true, isWell: false });
      expect(weSaw.isWell).toBe(true);
      expect(mine.log).toContain('Fail to fsync the AOF file');
      expect(readdirSync(folder(dirs.mine)).filter((name) => name.endsWith('.incr.aof')).length).toBeGreaterThan(1);
      await mine.kill();
      expect(await keysAfterStart(ours({ dir: dirs.mine }))).toEqual([...weSaw.told].sort());
    });

    it('always, one fdatasync fails with EIO: Redis ends, we answer once the record is durable elsewhere', async () => {
      const under = failing('fdatasync', 'EIO', 4);
      const run = async (server: ChildServer) => {
        const client = await server.connect();
        let told = 0;
        for (let i = 0; i < 40; i += 1) {
          const reply = await client.call('SET', `k:${i}`, 'v').catch(() => null);
          if (reply === null) break;
          if (reply === 'OK') told += 1;
          await pause(5);
        }
        return told;
      };
      const theirs = await (await redis({ dir: tempDir('defect'), appendfsync: 'always', under })).ready();
      await run(theirs);
      expect((await theirs.exited).code).toBe(1);
      const dir = tempDir('defect');
      const mine = await (await ours({ dir, appendfsync: 'always', under })).ready();
      const told = await run(mine);
      expect(mine.isRunning).toBe(true);
      expect(mine.log).toContain('Fail to fsync the AOF file');
      await mine.kill();
      expect((await keysAfterStart(ours({ dir })))?.length).toBeGreaterThanOrEqual(told);
    });

    it('always, one write fails with ENOSPC: Redis ends, we write it again and go on', async () => {
      const run = async (server: ChildServer) => {
        const client = await server.connect();
        const replies: unknown[] = [];
        for (let i = 0; i < 30; i += 1) {
          replies.push(await client.call('SET', `k:${i}`, 'v').catch(() => null));
          await pause(20);
        }
        return replies;
      };
      const dirs = { theirs: tempDir('defect'), mine: tempDir('defect') };
      const write = backend === 'native' ? 'pwrite64,write,writev,pwritev' : 'write,writev,pwrite64,pwritev';
      const at = (dir: string) => join(folder(dir), incrName(1));
      const theirs = await (
        await redis({ dir: dirs.theirs, appendfsync: 'always', under: failing('write', 'ENOSPC', 3, at(dirs.theirs)) })
      ).ready();
      await run(theirs);
      expect((await theirs.exited).code).toBe(1);
      const mine = await (
        await ours({ dir: dirs.mine, appendfsync: 'always', under: failing(write, 'ENOSPC', 3, at(dirs.mine)) })
      ).ready();
      const replies = await run(mine);
      expect(mine.log).toContain('Error writing to the AOF file: No space left on device');
      expect(replies.at(-1)).toBe('OK');
      await mine.kill();
      const found = new Set(await keysAfterStart(ours({ dir: dirs.mine })));
      replies.forEach((reply, i) => {
        expect(found.has(`k:${i}`), `k:${i} ${reply instanceof RespError ? reply.message : String(reply)}`).toBe(reply === 'OK');
      });
    });

    it('a new data directory: Redis never makes the entry of its AOF directory durable, we do before anything is in it', async () => {
      const synced = async (spawn: (options: StartOptions) => Promise<ChildServer>) => {
        const dir = tempDir('defect');
        const trace = join(tempDir('trace'), 'calls');
        const under = ['strace', '-D', '-f', '-qq', '-y', '-o', trace, '-e', 'trace=fsync,fdatasync'];
        const server = await (await spawn({ dir, under })).ready();
        await (await server.connect()).ok('SET', 'a', '1');
        await pause(1500);
        await server.kill();
        await pause(200);
        return readFileSync(trace, 'latin1')
          .split('\n')
          .filter((line) => line.includes(`<${dir}>`)).length;
      };
      expect(await synced(redis)).toBe(0);
      expect(await synced(ours)).toBeGreaterThan(0);
    });
  },
);

describeOnMachine(
  `the wall clock is set back, redis-server and backend ${backend}`,
  { privileges: ['trace'], tools: ['redis-server', 'cc'] },
  () => {
    it('everysec: Redis syncs no more until the clock is where it was, we go on each second', async () => {
      const clock = new WallClock(tempDir('clock'));
      const syncs = async (spawn: (options: StartOptions) => Promise<ChildServer>) => {
        clock.set(0);
        const trace = join(tempDir('trace'), 'calls');
        const under = ['strace', '-D', '-f', '-qq', '-o', trace, '-e', 'trace=fdatasync'];
        const server = await (await spawn({ dir: tempDir('defect'), env: clock.env, under })).ready();
        const client = await server.connect();
        const count = () =>
          readFileSync(trace, 'latin1')
            .split('\n')
            .filter((line) => line.includes('fdatasync(')).length;
        const writeFor = async (ms: number) => {
          const before = count();
          for (const until = performance.now() + ms; performance.now() < until; await pause(20)) await client.ok('INCR', 'n');
          return count() - before;
        };
        expect(await writeFor(2500)).toBeGreaterThanOrEqual(1);
        clock.set(-3600);
        await writeFor(1100);
        const after = await writeFor(2500);
        await server.kill();
        return after;
      };
      expect(await syncs(redis)).toBe(0);
      expect(await syncs(ours)).toBeGreaterThanOrEqual(1);
    });
  },
);

describeOnMachine(`torn and damaged files, redis-server and backend ${backend}`, { tools: ['redis-server'] }, () => {
  const incr = incrName(1);
  const multi = records(['MULTI']);
  const tornUnit = Buffer.concat([
    sets(['a', '1']),
    multi,
    records(['SET', 'bar', 'x']),
    records(['SET', 'baz', 'y']).subarray(0, 20),
  ]);

  /** Starts on the torn file, runs the commands, is killed; what the next start finds. */
  async function writeAfterCut(
    spawn: (options: StartOptions) => Promise<ChildServer>,
    commands: string[][],
  ): Promise<string[] | null> {
    const dir = tempDir('defect');
    writeLog(dir, { files: { [incr]: tornUnit } });
    const server = await (await spawn({ dir })).ready();
    const client = await server.connect();
    for (const command of commands) await client.ok(...command);
    await pause(50);
    await server.kill();
    return keysAfterStart(spawn({ dir }));
  }

  it('a record torn inside MULTI: what Redis is told afterwards is lost at the next start, with us it stays', async () => {
    const after = [['SET', 'later', '1']];
    expect(await writeAfterCut(redis, after)).toEqual(['a']);
    expect(await writeAfterCut(ours, after)).toEqual(['a', 'later']);
  });

  it('a record torn inside MULTI and a transaction afterwards: Redis applies half of the torn one, we nothing of it', async () => {
    const after = [['MULTI'], ['SET', 'later', '1'], ['SET', 'more', '1'], ['EXEC']];
    expect(await writeAfterCut(redis, after)).toContain('bar');
    expect(await writeAfterCut(ours, after)).toEqual(['a', 'later', 'more']);
  });

  it('a file that is not the last ends early: Redis cuts it, refuses, and starts with a hole the second time; we refuse and change nothing', async () => {
    const make = () => {
      const dir = tempDir('defect');
      const torn = Buffer.concat([sets(['a', '1']), records(['SET', 'b', '2']).subarray(0, 20)]);
      writeLog(dir, { files: { [incr]: torn, [incrName(2)]: sets(['c', '3']) } });
      return dir;
    };
    const theirs = make();
    expect(await keysAfterStart(redis({ dir: theirs }))).toBe(null);
    expect(await keysAfterStart(redis({ dir: theirs }))).toEqual(['a', 'c']);
    const mine = make();
    const before = hashesOf(mine);
    expect(await keysAfterStart(ours({ dir: mine }))).toBe(null);
    expect(await keysAfterStart(ours({ dir: mine }))).toBe(null);
    expect(hashesOf(mine, LOCKS)).toEqual(before);
  });

  /** A log that we wrote, several blocks long: a directory for each server, damaged in the same way. */
  async function damaged(damage: (bytes: Buffer) => Buffer): Promise<{ theirs: string; mine: string }> {
    const dir = tempDir('defect');
    const server = await (await ours({ dir, appendfsync: 'always' })).ready();
    const client = await server.connect();
    for (let i = 0; i < 20; i += 1) await client.ok('SET', `k:${i}`, `${'v'.repeat(99)}${i % 10}`);
    await server.kill();
    const path = join(folder(dir), incr);
    writeFileSync(path, damage(readFileSync(path)));
    return { theirs: copyDir(dir, tempDir('defect')), mine: dir };
  }

  async function refusesAndChangesNothing(dir: string): Promise<void> {
    const before = hashesOf(dir, LOCKS);
    const server = await ours({ dir });
    expect(await server.started()).toBe('exited');
    expect(server.log).toMatch(/offset \d+/);
    expect(hashesOf(dir, LOCKS)).toEqual(before);
  }

  it('a bit of a value flips: Redis loads it as it is, we refuse and name the offset', async () => {
    const { theirs, mine } = await damaged((bytes) => flipByte(bytes, bytes.indexOf('vvvv', bytes.indexOf('k:5\r\n')), 1));
    const server = await (await redis({ dir: theirs })).ready();
    expect(await (await server.connect()).ok('GET', 'k:5')).toContain('w');
    await refusesAndChangesNothing(mine);
  });

  it('one digit of a length flips: Redis deletes everything behind it and starts, we refuse and change nothing', async () => {
    // $100 -> $900: beyond the end of the file, which Redis takes for a torn tail.
    const toNine = (bytes: Buffer) => flipByte(bytes, bytes.indexOf('$100', bytes.indexOf('k:17\r\n')) + 1, 0x31 ^ 0x39);
    const { theirs, mine } = await damaged(toNine);
    const path = join(folder(theirs), incr);
    const size = statSync(path).size;
    const keys = await keysAfterStart(redis({ dir: theirs }));
    expect(keys).toHaveLength(17);
    expect(keys).not.toContain('k:18');
    expect(statSync(path).size).toBeLessThan(size - 250);
    await refusesAndChangesNothing(mine);
  });

  it('zeroes behind the last record, as after a power cut: Redis does not start, we cut them off and keep a copy', async () => {
    const { theirs, mine } = await damaged((bytes) => Buffer.concat([bytes, Buffer.alloc(4096)]));
    expect(await keysAfterStart(redis({ dir: theirs }))).toBe(null);
    expect(await keysAfterStart(ours({ dir: mine }))).toHaveLength(20);
    expect(readdirSync(folder(mine)).filter((name) => name.includes('.corrupt-'))).toHaveLength(1);
  });
});

describeOnMachine(`two servers, two kinds of file, redis-server and backend ${backend}`, { tools: ['redis-server'] }, () => {
  it('a second server on the same directory: Redis starts, and both append to one file; we name the one that has it', async () => {
    const dir = tempDir('defect');
    const first = await (await redis({ dir })).ready();
    await (await first.connect()).ok('SET', 'n', '1');
    const second = await (await redis({ dir })).ready();
    await (await second.connect()).ok('SET', 'n', '2');
    await (await first.connect()).ok('INCR', 'n');
    // The first says 2, the next start 3: neither client was told so.
    expect(await (await first.connect()).ok('GET', 'n')).toBe('2');
    await pause(50);
    await Promise.all([first.kill(), second.kill()]);
    const third = await (await redis({ dir })).ready();
    expect(await (await third.connect()).ok('GET', 'n')).toBe('3');

    const mine = tempDir('defect');
    const holder = await (await ours({ dir: mine })).ready();
    const refused = await ours({ dir: mine });
    expect(await refused.started()).toBe('exited');
    expect(refused.log).toContain(`process ${holder.pid}`);
    expect(await (await holder.connect()).ok('SET', 'n', '1')).toBe('OK');
  });

  it('appendonly yes beside a dump of all data: Redis starts empty, we refuse', async () => {
    const dir = tempDir('defect');
    const before = await (await spawnRedis(dir, { appendonly: 'no' })).ready();
    const client = await before.connect();
    await client.ok('SET', 'precious', '1');
    await client.ok('SAVE');
    await before.kill();
    const mine = copyDir(dir, tempDir('defect'));
    expect(await keysAfterStart(redis({ dir }))).toEqual([]);
    const server = await ours({ dir: mine });
    expect(await server.started()).toBe('exited');
    expect(server.log).toContain('dump.rdb');
  });

  it('the rig itself: a plain log is read by both', async () => {
    const dir = tempDir('defect');
    writeLog(dir, { files: { [incrName(1)]: Buffer.concat([select0, records(['SET', 'a', '1'])]) } });
    expect(await keysAfterStart(redis({ dir: copyDir(dir, tempDir('defect')) }))).toEqual(['a']);
    expect(await keysAfterStart(ours({ dir }))).toEqual(['a']);
  });
});
