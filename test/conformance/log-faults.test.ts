/** Bad disks, injected under the TypeScript backend through its file port. The addon meets real ones (disk-full, crash rigs). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Backend, BlockLimits, BlockLogFault } from '../../src/backend/backend.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { FaultyFiles } from '../support/faulty-files.js';
import { closeRigs, LogRig } from '../support/log-rig.js';
import { encodeRecord } from './oracle.js';

const PING = encodeRecord('PING');
const ENOSPC = 28;
const EIO = 5;

describe('block log on a bad disk', () => {
  let disk: FaultyFiles;
  let nowMs: number;
  let backend: Backend;

  beforeEach(() => {
    const env = createNodeEnv();
    disk = new FaultyFiles(env.files);
    nowMs = 1000;
    const clock = { monotonicMs: () => nowMs, unixMs: () => nowMs };
    backend = guardBackend(createFallbackBackend({ ...env, clock, files: disk.files }));
  });
  afterEach(async () => {
    disk.always.write = {};
    await closeRigs();
  });

  function failed(rig: LogRig): Promise<void> {
    return rig.until(() => rig.stat('fault') !== BlockLogFault.none);
  }

  it('short writes continue the same bytes', async () => {
    const rig = await LogRig.open(backend);
    disk.script.write = Array.from({ length: 60 }, (_, i) => ({ bytes: 1 + (i % 7) }));
    for (let i = 0; i < 5; i++) {
      rig.log.append('SET', `key:${i}`, 'v'.repeat(20));
      rig.log.flush(true);
    }
    await rig.idle();
    expect(rig.blocks()).toHaveLength(5);
    expect(rig.stat('writeCount')).toBeGreaterThan(60);
    expect(rig.stat('syncedLsn')).toBe(rig.stat('appendedLsn'));
    expect(rig.stat('syncedOffset')).toBe(rig.file().length);
  });

  it('written counts whole blocks: half a block is not there yet', async () => {
    const rig = await LogRig.open(backend, { lsn: 7 });
    disk.script.write = [{ bytes: 30 }, { code: 'ENOSPC' }];
    rig.log.append('PING');
    rig.log.flush(false);
    await failed(rig);
    expect([rig.stat('writtenLsn'), rig.stat('writtenOffset')]).toEqual([7, 30]);
  });

  it('a full disk keeps every byte, and resume() goes on where it stopped', async () => {
    const rig = await LogRig.open(backend);
    disk.script.write = [{ bytes: 30 }, { code: 'ENOSPC' }];
    rig.log.append('PING');
    rig.log.flush(true);
    await failed(rig);
    expect([rig.stat('fault'), rig.stat('faultErrno'), rig.stat('isWriting')]).toEqual([BlockLogFault.write, ENOSPC, 1]);
    rig.log.append('PING');
    rig.log.flush(true);
    const calls = disk.calls.write;
    await new Promise((resolve) => setImmediate(resolve));
    expect(disk.calls.write).toBe(calls);

    disk.script.write = [{ code: 'ENOSPC' }];
    rig.log.resume();
    expect(rig.stat('fault')).toBe(BlockLogFault.none);
    await failed(rig);
    expect(rig.file()).toHaveLength(30);

    rig.log.resume();
    await rig.idle();
    expect(rig.payload()).toEqual(Buffer.concat([PING, PING]));
    expect([rig.stat('fault'), rig.stat('faultErrno'), rig.stat('syncedLsn'), rig.stat('bufferedBytes')]).toEqual([0, 0, 28, 0]);
  });

  it('a write that takes nothing and reports nothing is a fault, not a loop', async () => {
    const rig = await LogRig.open(backend);
    disk.always.write = { bytes: 0 };
    rig.log.append('PING');
    rig.log.flush(false);
    await failed(rig);
    expect([rig.stat('fault'), rig.stat('faultErrno')]).toEqual([BlockLogFault.write, EIO]);
  });

  it('a failed fdatasync is final: not called again, nothing written after it, nothing let go', async () => {
    const rig = await LogRig.open(backend);
    rig.log.append('PING');
    await rig.flush(true);
    disk.script.datasync = [{ code: 'EIO' }];
    rig.log.append('PING');
    rig.log.flush(true);
    await failed(rig);
    const held = rig.stat('bufferedBytes');
    expect([rig.stat('fault'), rig.stat('faultErrno'), rig.stat('syncedLsn'), rig.stat('isSyncing')]).toEqual([
      BlockLogFault.sync,
      EIO,
      14,
      0,
    ]);
    expect(held).toBeGreaterThan(0);
    const { write, datasync } = disk.calls;
    rig.log.resume();
    rig.log.append('PING');
    rig.log.flush(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect([disk.calls.write, disk.calls.datasync]).toEqual([write, datasync]);
    expect([rig.stat('fault'), rig.stat('syncedLsn')]).toEqual([BlockLogFault.sync, 14]);
    expect(rig.stat('bufferedBytes')).toBeGreaterThan(held);
    await rig.log.close();
  });

  it('synced is what was written when the fdatasync was issued, not when it returned', async () => {
    const rig = await LogRig.open(backend);
    const release = disk.hold('datasync');
    rig.log.append('PING');
    rig.log.flush(true);
    await rig.until(() => disk.inFlight.datasync === 1);
    const offset = rig.stat('writtenOffset');
    rig.log.append('PING');
    rig.log.flush(false);
    await rig.until(() => rig.stat('writtenLsn') === 28);
    release();
    await rig.idle();
    expect([rig.stat('syncedLsn'), rig.stat('syncedOffset')]).toEqual([14, offset]);
    expect(rig.stat('bufferedBytes')).toBe(rig.file().length - offset);
  });

  it('a request during a sync is served by one more after it', async () => {
    const rig = await LogRig.open(backend);
    const release = disk.hold('datasync');
    rig.log.append('PING');
    rig.log.flush(true);
    await rig.until(() => disk.inFlight.datasync === 1);
    for (let i = 0; i < 5; i++) {
      rig.log.append('PING');
      rig.log.flush(true);
      await rig.until(() => rig.stat('isWriting') === 0);
    }
    expect(disk.calls.datasync).toBe(1);
    release();
    await rig.idle();
    expect(disk.calls.datasync).toBe(2);
    expect(rig.stat('syncedLsn')).toBe(6 * 14);
  });

  it('a sync that covers everything needs no other', async () => {
    const rig = await LogRig.open(backend);
    const release = disk.hold('datasync');
    rig.log.append('PING');
    rig.log.flush(true);
    await rig.until(() => disk.inFlight.datasync === 1);
    rig.log.flush(true);
    release();
    await rig.idle();
    expect([disk.calls.datasync, rig.stat('syncedLsn')]).toEqual([1, 14]);
  });

  it('a steady stream of requests does not keep the sync from being issued', async () => {
    const rig = await LogRig.open(backend);
    rig.log.append('PING');
    let release = disk.hold('write');
    rig.log.flush(true);
    for (let i = 1; i <= 5; i++) {
      // There is always one more block that asks for a sync and is not written.
      rig.log.append('PING');
      rig.log.flush(true);
      const releaseNext = disk.hold('write');
      release();
      await rig.until(() => rig.stat('syncedLsn') === i * 14);
      release = releaseNext;
      expect(rig.stat('unwrittenBytes')).toBeGreaterThan(0);
    }
    release();
    await rig.idle();
  });

  it('at most one write and one fdatasync are in flight, and they run beside each other', async () => {
    const rig = await LogRig.open(backend);
    const release = disk.hold('datasync');
    rig.log.append('PING');
    rig.log.flush(true);
    await rig.until(() => disk.inFlight.datasync === 1);
    for (let i = 0; i < 20; i++) {
      rig.log.append('SET', 'k', Buffer.alloc(BlockLimits.blockBytes));
      rig.log.flush(true);
    }
    await rig.until(() => rig.stat('writtenLsn') === rig.stat('appendedLsn'));
    expect(disk.inFlight.datasync).toBe(1);
    release();
    await rig.idle();
    expect([disk.mostInFlight.write, disk.mostInFlight.datasync]).toEqual([1, 1]);
  });

  it('what is appended while a write is stuck does not touch the bytes that are being written', async () => {
    const rig = await LogRig.open(backend, { retainUntilSynced: false });
    const expected: Buffer[] = [];
    const append = (i: number) => {
      const record = encodeRecord('SET', `key:${i}`, Buffer.alloc(1 + ((i * 997) % 3000), i));
      rig.log.appendRaw(record, 0, record.length);
      expected.push(record);
    };
    for (let round = 0; round < 6; round++) {
      const release = disk.hold('write');
      for (let i = 0; i < 700; i++) {
        append(round * 700 + i);
        if (i % 90 === 0) rig.log.flush(false);
      }
      release();
      await rig.idle();
    }
    await rig.flush();
    expect(rig.payload().equals(Buffer.concat(expected))).toBe(true);
  });

  it('status tells how long a stuck write and a stuck fdatasync have lasted', async () => {
    const rig = await LogRig.open(backend);
    const releaseWrite = disk.hold('write');
    rig.log.append('PING');
    rig.log.flush(true);
    nowMs += 3000;
    expect([rig.stat('writeAgeMicros'), rig.stat('syncAgeMicros'), rig.stat('isSyncing')]).toEqual([3_000_000, 0, 1]);
    const releaseSync = disk.hold('datasync');
    releaseWrite();
    await rig.until(() => disk.inFlight.datasync === 1);
    nowMs += 20;
    expect([rig.stat('writeAgeMicros'), rig.stat('syncAgeMicros')]).toEqual([0, 20_000]);
    releaseSync();
    await rig.idle();
    expect(rig.stat('lastWriteMicros')).toBe(3_000_000);
    // 20,000 us lie in [2^14, 2^15).
    expect(rig.syncHistogram()[14]).toBe(1);
  });

  it('many small blocks go out in few writes of at most 512 buffers', async () => {
    const rig = await LogRig.open(backend);
    const release = disk.hold('write');
    for (let i = 0; i < 1 + 2 * BlockLimits.maxGather; i++) {
      rig.log.append('PING');
      rig.log.flush(false);
    }
    release();
    await rig.idle();
    expect(disk.calls.write).toBe(3);
    expect(rig.blocks()).toHaveLength(1 + 2 * BlockLimits.maxGather);
  });

  it('a write is at most 64 MiB', async () => {
    const rig = await LogRig.open(backend, { checksum: false });
    rig.log.append('SET', 'k', Buffer.alloc(BlockLimits.maxWriteBytes + 1000));
    await rig.idle();
    expect(disk.calls.write).toBe(2);
    expect(rig.file().length).toBe(rig.stat('appendedLsn'));
  });

  it('a full disk in the middle of a cut: the old file is finished after resume()', async () => {
    const rig = await LogRig.open(backend);
    const next = rig.makeFile('next.aof');
    await rig.log.openNext({ path: next, position: 0, session: 'feed0002' });
    disk.script.write = [{ code: 'ENOSPC' }];
    rig.log.append('PING');
    rig.log.switchToNext();
    rig.log.append('PONG');
    rig.log.flush(true);
    await failed(rig);
    expect(rig.stat('retargetStage')).toBe(1);
    rig.log.resume();
    await rig.until(() => rig.stat('retargetStage') === 2);
    expect(rig.payload()).toEqual(PING);
    rig.log.resumeTarget();
    await rig.idle();
    expect(rig.blocks(next)).toHaveLength(1);
  });

  it('a failed fdatasync in the middle of a cut keeps the old file from being left', async () => {
    const rig = await LogRig.open(backend);
    const next = rig.makeFile('next.aof');
    await rig.log.openNext({ path: next, position: 0, session: 'feed0002' });
    disk.script.datasync = [{ code: 'ENOSPC' }];
    rig.log.append('PING');
    rig.log.switchToNext();
    await failed(rig);
    expect([rig.stat('fault'), rig.stat('faultErrno'), rig.stat('retargetStage')]).toEqual([BlockLogFault.sync, ENOSPC, 1]);
    expect(() => rig.log.resumeTarget()).toThrow(RangeError);
    await rig.log.close();
    expect(disk.calls.close).toBe(2);
  });

  it('a log that is closed while its next file is opened leaves that one closed', async () => {
    const rig = await LogRig.open(backend);
    const release = disk.hold('open');
    const opening = rig.log.openNext({ path: rig.makeFile('next.aof'), position: 0, session: 'feed0002' });
    const closing = rig.log.close();
    release();
    await expect(opening).rejects.toMatchObject({ code: 'AOF_CLOSED' });
    await closing;
    expect(disk.calls.close).toBe(2);
  });

  it('close does not wait for a disk that is full', async () => {
    const rig = await LogRig.open(backend);
    disk.always.write = { code: 'ENOSPC' };
    rig.log.append('PING');
    rig.log.flush(true);
    await failed(rig);
    await rig.log.close();
    expect(rig.file()).toHaveLength(0);
  });

  it('close waits for the write and the fdatasync that are under way', async () => {
    const rig = await LogRig.open(backend);
    const release = disk.hold('write');
    rig.log.append('PING');
    rig.log.flush(true);
    let isClosed = false;
    const closing = rig.log.close().then(() => {
      isClosed = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isClosed).toBe(false);
    release();
    await closing;
    expect([rig.payload(), disk.calls.datasync]).toEqual([PING, 1]);
  });

  it('a failed close and a failed truncate are told', async () => {
    const rig = await LogRig.open(backend, {}, 'torn');
    disk.script.truncate = [{ code: 'EIO' }];
    await expect(rig.log.truncate(0)).rejects.toMatchObject({ code: 'AOF_IO', path: rig.path });
    expect(rig.stat('writtenOffset')).toBe(4);
    disk.script.close = [{ code: 'EIO' }];
    await expect(rig.log.close()).rejects.toMatchObject({ code: 'AOF_IO', path: rig.path });
  });

  it('a log that cannot be looked at leaves nothing open', async () => {
    const rig = await LogRig.open(backend, {}, 'x');
    await expect(backend.openLog({ ...rig.options, position: 0 })).rejects.toMatchObject({ code: 'AOF_IO' });
    expect(disk.calls.close).toBe(1);
  });
});
