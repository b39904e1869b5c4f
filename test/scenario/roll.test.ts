// A segment that fails under appends that somebody awaits: real files, the TypeScript backend, faults injected into its file port.
// What was awaited is there after a clean start, once; the state went degraded and came back by itself.
import { afterEach, describe, expect, it } from 'vitest';
import { incrSizes, manifestOf, openWithFaults, reopened, until } from '../support/roll-bench.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

afterEach(removeTempDirs);

const sets = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `0 SET k${from + i} v`);

describe.each(['always', 'everysec'] as const)('under appendfsync %s', (appendfsync) => {
  it('one failed fdatasync: every awaited record is there, the old segment is cut, the manifest names both', async () => {
    const dir = tempDir('roll');
    const { aof, faults, events } = await openWithFaults(dir, { appendfsync });
    for (let i = 0; i < 20; i++) await aof.synced(aof.append(0, 'SET', `k${i}`, 'v'));
    const before = incrSizes(dir).get(1);
    faults.script.datasync = [{ code: 'EIO' }];
    const waiting = aof.synced(aof.append(0, 'SET', 'k20', 'v'));
    await until(() => events.length > 0);
    await waiting;
    expect(events).toEqual(['degraded AOF_IO', 'recovered']);
    expect(aof.state).toBe('ready');
    await aof.synced(aof.append(0, 'SET', 'k21', 'v'));
    const endLsn = aof.appendedLsn;
    await aof.close();
    expect([...incrSizes(dir).keys()]).toEqual([1, 2]);
    expect(incrSizes(dir).get(1)).toBe(before);
    expect(manifestOf(dir)).toMatch(/1\.incr\.aof seq 1 [\s\S]*2\.incr\.aof seq 2/);
    expect(manifestOf(dir)).not.toContain('cut');
    const again = await openWithFaults(dir);
    expect(again.commands).toEqual(sets(0, 22));
    expect(again.aof.appendedLsn).toBe(endLsn);
    await again.aof.close();
  });

  it('fdatasync failing for a while under appends: nothing awaited is lost or doubled, and each failed segment is gone', async () => {
    const dir = tempDir('roll');
    const { aof, faults, events } = await openWithFaults(dir, { appendfsync });
    const acked: string[] = [];
    const attempted: string[] = [];
    let isOver = false;
    const writer = (async () => {
      for (let i = 0; !isOver; i++) {
        const key = `k${i}`;
        try {
          const lsn = aof.append(0, 'SET', key, 'v');
          attempted.push(`0 SET ${key} v`);
          await aof.synced(lsn);
          acked.push(`0 SET ${key} v`);
        } catch (error) {
          expect(error).toMatchObject({ code: 'AOF_IO' });
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    })();
    await until(() => acked.length > 20);
    faults.always.datasync = { code: 'EIO' };
    await until(() => faults.calls.datasync > 3 && events.includes('degraded AOF_IO'));
    await until(() => manifestOf(dir).includes('1.incr'));
    expect(aof.state).toBe('degraded');
    const stuckAt = acked.length;
    await until(() => incrSizes(dir).size > 1 && Math.max(...incrSizes(dir).keys()) >= 4);
    expect(acked).toHaveLength(stuckAt);
    delete faults.always.datasync;
    await until(() => events.at(-1) === 'recovered');
    await until(() => acked.length > stuckAt + 5);
    isOver = true;
    await writer;
    await aof.close();
    expect(incrSizes(dir).size).toBe(2);
    expect(manifestOf(dir)).not.toContain('cut');
    expect(await reopened(dir)).toEqual(attempted);
    expect(attempted).toEqual(acked);
  });
});

describe('under appendfsync no', () => {
  it('who waits for everything survives a failed fdatasync', async () => {
    const dir = tempDir('roll');
    const { aof, faults, events } = await openWithFaults(dir, { appendfsync: 'no' });
    await aof.synced(aof.append(0, 'SET', 'k0', 'v'));
    faults.script.datasync = [{ code: 'EIO' }];
    await aof.synced(aof.append(0, 'SET', 'k1', 'v'));
    expect(events).toEqual(['degraded AOF_IO', 'recovered']);
    aof.append(0, 'SET', 'k2', 'v');
    // Written between two waits, and kept since the first of them.
    await until(() => faults.calls.write > 0 && aof.state === 'ready');
    await new Promise((resolve) => setTimeout(resolve, 20));
    faults.script.datasync = [{ code: 'EIO' }];
    await aof.synced(aof.append(0, 'SET', 'k3', 'v'));
    await aof.close();
    expect(await reopened(dir)).toEqual(sets(0, 4));
  });

  it('what was written before anybody waited is not here to be written again: the outcome is unknown, and told so', async () => {
    const dir = tempDir('roll');
    const { aof, faults, events } = await openWithFaults(dir, { appendfsync: 'no' });
    aof.append(0, 'SET', 'k0', 'v');
    await until(() => (incrSizes(dir).get(1) ?? 0) > 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    faults.script.datasync = [{ code: 'EIO' }];
    await expect(aof.synced(aof.append(0, 'SET', 'k1', 'v'))).rejects.toMatchObject({
      code: 'AOF_FAILED',
      message: expect.stringContaining('unknown outcome'),
    });
    expect(events).toEqual(['degraded AOF_IO', 'failed AOF_FAILED']);
    await expect(aof.close()).rejects.toMatchObject({ code: 'AOF_FAILED' });
  });

  it('closing is such a wait too', async () => {
    const dir = tempDir('roll');
    const { aof, faults, events } = await openWithFaults(dir, { appendfsync: 'no' });
    aof.append(0, 'SET', 'k0', 'v');
    faults.script.datasync = [{ code: 'EIO' }];
    await aof.close();
    expect(events).toEqual(['degraded AOF_IO', 'recovered']);
    expect(await reopened(dir)).toEqual(sets(0, 1));
  });
});

it('the segment after a roll begins in the database that was selected, also when nothing was to be taken over', async () => {
  const dir = tempDir('roll');
  const { aof, faults, events } = await openWithFaults(dir, { appendfsync: 'always' });
  await aof.synced(aof.append(3, 'SET', 'a', '1'));
  faults.script.write = [{ code: 'EIO' }];
  await aof.synced(aof.append(3, 'SET', 'b', '2'));
  expect(events).toEqual(['degraded AOF_IO', 'recovered']);
  await aof.synced(aof.append(3, 'SET', 'c', '3'));
  await aof.close();
  expect(await reopened(dir)).toEqual(['3 SET a 1', '3 SET b 2', '3 SET c 3']);
});

it('a unit is on one side of the cut', async () => {
  const dir = tempDir('roll');
  const { aof, faults } = await openWithFaults(dir, { appendfsync: 'always' });
  aof.append(0, 'SET', 'a', '1');
  await aof.synced();
  faults.script.datasync = [{ code: 'EIO' }, { code: 'EIO' }];
  const big = 'x'.repeat(200_000);
  await aof.synced(
    aof.unit(2, (log) => {
      for (let i = 0; i < 10; i++) log('SET', `u${i}`, big);
    }),
  );
  await aof.close();
  expect((await reopened(dir)).map((command) => command.slice(0, 8))).toEqual([
    '0 SET a ',
    ...Array.from({ length: 10 }, (_, i) => `2 SET u${i}`),
  ]);
});

it('without checksums it rolls as well', async () => {
  const dir = tempDir('roll');
  const { aof, faults } = await openWithFaults(dir, { appendfsync: 'always', aofChecksum: false });
  await aof.synced(aof.append(4, 'SET', 'a', '1'));
  faults.script.datasync = [{ code: 'EIO' }];
  await aof.synced(aof.append(4, 'SET', 'b', '2'));
  await aof.synced(aof.append(5, 'SET', 'c', '3'));
  const endLsn = aof.appendedLsn;
  await aof.close();
  const again = await openWithFaults(dir, { aofChecksum: false });
  expect(again.commands).toEqual(['4 SET a 1', '4 SET b 2', '5 SET c 3']);
  expect(again.aof.appendedLsn).toBe(endLsn);
  await again.aof.close();
});

it('closing while fdatasync goes on failing ends with the reason, and what was awaited before is there', async () => {
  const dir = tempDir('roll');
  const { aof, faults, events } = await openWithFaults(dir, { appendfsync: 'always' });
  await aof.synced(aof.append(0, 'SET', 'a', '1'));
  faults.always.datasync = { code: 'EIO' };
  const waiting = aof.synced(aof.append(0, 'SET', 'b', '2'));
  const fate = expect(waiting).rejects.toMatchObject({ code: 'AOF_CLOSED' });
  await until(() => events.length > 0);
  await expect(aof.close()).rejects.toMatchObject({ code: 'AOF_IO' });
  await fate;
  await expect(aof.synced()).rejects.toMatchObject({ code: 'AOF_CLOSED' });
  expect((await reopened(dir))[0]).toBe('0 SET a 1');
});

it('closing while one fdatasync fails waits for the roll and loses nothing', async () => {
  const dir = tempDir('roll');
  const { aof, faults, events } = await openWithFaults(dir, { appendfsync: 'everysec' });
  aof.append(0, 'SET', 'a', '1');
  faults.script.datasync = [{ code: 'EIO' }];
  await aof.close();
  expect(events).toEqual(['degraded AOF_IO', 'recovered']);
  expect(await reopened(dir)).toEqual(['0 SET a 1']);
});

it('a listener that closes at once, in the middle of the fault, gets a log that is closed and whole', async () => {
  const dir = tempDir('roll');
  const { aof, faults } = await openWithFaults(dir, { appendfsync: 'always' });
  const closed = new Promise<void>((resolve, reject) => aof.once('degraded', () => aof.close().then(resolve, reject)));
  faults.script.datasync = [{ code: 'EIO' }];
  await aof.synced(aof.append(0, 'SET', 'a', '1'));
  await closed;
  expect(await reopened(dir)).toEqual(['0 SET a 1']);
});

it('a full disk: appends are refused with AOF_DISK_FULL, and the one that waits is resolved when there is room again', async () => {
  const dir = tempDir('roll');
  const { aof, faults, events } = await openWithFaults(dir, { appendfsync: 'always' });
  faults.always.write = { code: 'ENOSPC' };
  let isSynced = false;
  const waiting = aof.synced(aof.append(0, 'SET', 'a', '1')).then(() => {
    isSynced = true;
  });
  await until(() => events.length > 0);
  expect(() => aof.append(0, 'SET', 'b', '2')).toThrow(expect.objectContaining({ code: 'AOF_DISK_FULL' }));
  await until(() => faults.calls.write > 2);
  expect(isSynced).toBe(false);
  delete faults.always.write;
  await waiting;
  await until(() => events.includes('recovered'));
  await aof.synced(aof.append(0, 'SET', 'b', '2'));
  await aof.close();
  expect(incrSizes(dir).size).toBe(1);
  expect(await reopened(dir)).toEqual(['0 SET a 1', '0 SET b 2']);
});
