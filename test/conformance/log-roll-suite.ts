/**
 * The roll: a log gives up its file after a fault and goes on in another one. What the old files hold up to their cuts and what
 * the last one holds is what was appended: nothing twice, nothing missing, LSNs without a gap.
 */
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Backend, BlockLimits, BlockLogFault, type BlockLogOptions } from '../../src/backend/backend.js';
import type { FaultControl } from '../support/fault-control.js';
import { closeRigs, type LogRig } from '../support/log-rig.js';
import { type CutPlace, RollScene } from '../support/roll-scene.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';
import { encodeRecord } from './oracle.js';

export interface FaultyFactory {
  readonly name: string;
  makeBackend(): Backend;
  readonly faults: FaultControl;
}

export function rollTests({ name, makeBackend, faults }: FaultyFactory): void {
  const open = (options: Partial<BlockLogOptions> = {}) => RollScene.open(makeBackend(), options);

  /** Everything so far is synced, in database 5: behind it a roll's SELECT has room. */
  async function openSynced(options: Partial<BlockLogOptions> = {}): Promise<RollScene> {
    const scene = await open(options);
    scene.select(5);
    scene.append('SET', 'first', 'synced');
    await scene.rig.flush(true);
    return scene;
  }

  const failed = ({ rig }: RollScene) => rig.until(() => rig.stat('fault') !== BlockLogFault.none);

  /** The next write takes so many bytes, then the disk is full; until failed(). */
  function fillDiskAfter(bytes: number): void {
    // libuv tries once more behind a short write, and keeps that error to itself.
    faults.script('write', { bytes }, { code: 'ENOSPC' }, { code: 'ENOSPC' });
  }

  async function failSync(scene: RollScene): Promise<void> {
    faults.script('datasync', { code: 'EIO' });
    scene.rig.log.flush(true);
    await failed(scene);
  }

  describe(`roll, ${name}`, () => {
    beforeEach(() => {
      faults.script('write');
      faults.script('datasync');
    });
    afterEach(closeRigs);

    it('after a failed fdatasync one block goes to the new file, behind a SELECT', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      const end = rig.file().length;
      const lsn = rig.stat('appendedLsn');
      rig.log.tick(0x6740_0000);
      scene.append('SET', 'k', 'v');
      await failSync(scene);
      const size = rig.file().length;
      expect([rig.stat('fault'), rig.stat('syncedLsn')]).toEqual([BlockLogFault.sync, lsn]);
      const calls = [faults.calls('write'), faults.calls('datasync')];
      const release = faults.hold('datasync');
      expect(await scene.roll('feed0002')).toEqual({ offset: end, lsn });
      expect([rig.stat('fault'), rig.stat('faultErrno'), rig.stat('syncedLsn')]).toEqual([0, 0, lsn]);
      release();
      await rig.idle();
      expect([faults.calls('write'), faults.calls('datasync')]).toEqual(calls.map((count) => count + 1));
      expect(rig.file()).toHaveLength(size);
      const select = encodeRecord('SELECT', 5);
      expect(scene.blocks().map(({ line, payload }) => [line.replace(/ [0-9a-f]{8}(?= |$)/, ' <crc>'), `${payload}`])).toEqual([
        [`#EVS1 ${hex(select.length)} ${hex(lsn - select.length)} 0 <crc> t=67400000 s=feed0002`, select.toString()],
        [`#EVS1 1b ${hex(lsn)} ${hex(select.length)} <crc> d=5`, '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n'],
      ]);
      expect([rig.stat('syncedLsn'), rig.stat('writtenLsn')]).toEqual([lsn + 27, lsn + 27]);
      const newSize = rig.file(scene.path).length;
      expect([rig.stat('writtenOffset'), rig.stat('syncedOffset')]).toEqual([newSize, newSize]);
      expect(rig.stat('totalWrittenBytes')).toBe(end + newSize);
      await scene.verify();
      await rig.until(() => descriptorsOn(rig.path) === 0);
    });

    it('what comes after it goes on as ever', async () => {
      const scene = await openSynced();
      scene.append('SET', 'k', 'v');
      await failSync(scene);
      await scene.roll();
      await scene.rig.idle();
      for (let i = 0; i < 20; i++) {
        scene.append('SET', `k${i}`, 'x'.repeat(i * 1000));
        if (i % 3 === 0) await scene.rig.flush(i % 2 === 0);
      }
      scene.select(0);
      scene.append('PING');
      await scene.rig.flush(true);
      scene.rig.log.mark('c');
      await scene.rig.flush(true);
      expect(scene.blocks().at(-1)).toMatchObject({ f: 'c', lag: 0 });
      await scene.verify();
    });

    it('many blocks that are not synced go over as they are', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      const { lsn } = scene.measureCut();
      for (let i = 0; i < 30; i++) {
        scene.append('SET', `k${i}`, Buffer.alloc(1 + i * 5000, i));
        if (i === 10) scene.select(9);
        await rig.flush(false);
      }
      const old = rig.blocks().filter((block) => block.lsn >= lsn);
      await failSync(scene);
      expect(await scene.roll()).toMatchObject({ lsn });
      await rig.idle();
      const [lead, ...moved] = scene.blocks();
      expect(lead?.payload).toEqual(encodeRecord('SELECT', 5));
      expect(moved.map((block) => [block.lsn, block.d, block.payload.toString()])).toEqual(
        old.map((block) => [block.lsn, block.d, block.payload.toString()]),
      );
      // Nothing that was synced elsewhere bears witness in this file.
      expect(moved.map((block) => block.lsn - block.lag)).toEqual(moved.map(() => lead?.lsn));
      await scene.verify();
    });

    it('in the middle of a huge unit all of the unit goes over, what was synced of it too', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      scene.append('SET', 'whole', 'before the unit');
      const before = rig.stat('appendedLsn');
      rig.log.beginUnit();
      scene.append('MULTI');
      for (let i = 0; i < 3; i++) scene.append('SET', `k${i}`, Buffer.alloc(BlockLimits.blockBytes - 100, i));
      await rig.flush(true);
      const synced = rig.stat('syncedLsn');
      expect(synced).toBe(rig.stat('appendedLsn'));
      scene.select(7);
      scene.append('SET', 'k4', Buffer.alloc(BlockLimits.blockBytes, 4));
      await failSync(scene);
      scene.append('SET', 'k5', 'v');
      const release = faults.hold('write');
      const cut = await scene.roll();
      expect(cut.lsn).toBe(before);
      expect([rig.stat('writtenLsn'), rig.stat('syncedLsn')]).toEqual([before, synced]);
      release();
      await rig.idle();
      expect(rig.stat('syncedLsn')).toBeGreaterThanOrEqual(synced);
      scene.append('EXEC');
      rig.log.endUnit();
      scene.append('PING');
      await rig.flush(true);
      expect(scene.blocks().map(({ f, d }) => [f, d])).toEqual([
        ['', ''],
        ['m', '5'],
        ['m', '5'],
        ['m', '5'],
        ['m', '5'],
        ['m', '7'],
        ['', '7'],
      ]);
      expect(rig.stat('bufferedBytes')).toBe(0);
      await scene.verify();
    });

    it('a block that was written in part is taken over whole', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      scene.append('SET', 'written', 'not synced');
      await rig.flush(false);
      const end = rig.file().length;
      scene.append('SET', 'k', 'written in part');
      fillDiskAfter(50);
      rig.log.flush(false);
      await failed(scene);
      faults.script('write');
      expect([rig.stat('fault'), rig.stat('writtenOffset')]).toEqual([BlockLogFault.write, end + 50]);
      const cut = await scene.roll();
      expect(cut.offset).toBeLessThan(end);
      await rig.idle();
      expect(scene.blocks().map(({ payload }) => payload.length)).toHaveLength(3);
      expect(rig.stat('syncedLsn')).toBe(rig.stat('appendedLsn'));
      await scene.verify();
    });

    it('an fdatasync that is under way is waited for, and counts when it succeeds', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      scene.append('SET', 'k', 'synced at last');
      const release = faults.hold('datasync');
      rig.log.flush(true);
      await rig.until(() => faults.inFlight('datasync') === 1);
      const end = rig.stat('writtenOffset');
      const lsn = rig.stat('appendedLsn');
      faults.script('write', { code: 'ENOSPC' });
      scene.append('SET', 'k', 'not written');
      rig.log.flush(false);
      await failed(scene);
      let isRolled = false;
      const rolling = scene.roll().then((cut) => {
        isRolled = true;
        return cut;
      });
      await pause();
      expect([isRolled, rig.stat('fault')]).toEqual([false, BlockLogFault.write]);
      release();
      expect(await rolling).toEqual({ offset: end, lsn });
      await rig.idle();
      await scene.verify();
    });

    it('an fdatasync that is under way and fails does not, and leaves no fault behind', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      const { lsn } = scene.measureCut();
      scene.append('SET', 'k', 'not synced');
      const release = faults.hold('datasync');
      faults.script('datasync', { code: 'EIO' });
      rig.log.flush(true);
      await rig.until(() => faults.inFlight('datasync') === 1);
      faults.script('write', { code: 'ENOSPC' });
      scene.append('SET', 'k', 'not written');
      rig.log.flush(false);
      await failed(scene);
      const rolling = scene.roll();
      await pause();
      release();
      expect(await rolling).toMatchObject({ lsn });
      expect(rig.stat('fault')).toBe(0);
      await rig.idle();
      await scene.verify();
    });

    it('a write that is under way when an fdatasync fails is waited for, and nothing is written to that file behind it', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      const { lsn } = scene.measureCut();
      scene.append('SET', 'k', 'not synced');
      const releaseSync = faults.hold('datasync');
      faults.script('datasync', { code: 'EIO' });
      rig.log.flush(true);
      await rig.until(() => faults.inFlight('datasync') === 1);
      const releaseWrite = faults.hold('write');
      scene.append('SET', 'k', 'under way');
      rig.log.flush(false);
      await rig.until(() => faults.inFlight('write') === 1);
      scene.append('SET', 'k', 'behind it');
      rig.log.flush(true);
      releaseSync();
      await failed(scene);
      const rolling = scene.roll();
      await pause();
      const calls = faults.calls('write');
      releaseWrite();
      expect(await rolling).toMatchObject({ lsn });
      await rig.idle();
      expect(faults.calls('write')).toBe(calls + 1);
      expect(rig.file().includes('under way')).toBe(true);
      expect(rig.file().includes('behind it')).toBe(false);
      await scene.verify();
    });

    it('after a failed fdatasync nothing more is written to that file, resume() or not', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      scene.append('SET', 'k', 'v');
      await failSync(scene);
      const calls = [faults.calls('write'), faults.calls('datasync')];
      const size = rig.file().length;
      scene.append('SET', 'k', 'w');
      rig.log.flush(true);
      rig.log.resume();
      await pause();
      expect(rig.log.writeOutSync()).toBe(0);
      expect([faults.calls('write'), faults.calls('datasync')]).toEqual(calls);
      expect([rig.file().length, rig.stat('fault')]).toEqual([size, BlockLogFault.sync]);
      await scene.roll();
      await rig.idle();
      await scene.verify();
    });

    it.each([
      ['a failed fdatasync', 'datasync'],
      ['a full disk', 'write'],
    ] as const)('%s of the new file is rolled like any other', async (_, operation) => {
      const scene = await openSynced();
      const { rig } = scene;
      scene.append('SET', 'k', 'v');
      await failSync(scene);
      if (operation === 'write') fillDiskAfter(60);
      else faults.script('datasync', { code: 'EIO' });
      const first = await scene.roll();
      await failed(scene);
      faults.script(operation);
      expect(rig.stat('syncedOffset')).toBe(0);
      scene.append('SET', 'k', 'later');
      rig.log.flush(true);
      // The second file holds nothing that counts.
      expect(await scene.roll()).toEqual({ offset: 0, lsn: first.lsn });
      await rig.idle();
      expect(scene.blocks().map(({ payload }) => payload.toString().includes('SELECT'))).toEqual([true, false, false]);
      await scene.verify();

      scene.append('SET', 'k', 'in the third file');
      await rig.flush(true);
      const end = rig.stat('syncedOffset');
      scene.append('SET', 'k', 'in the fourth file');
      await failSync(scene);
      expect((await scene.roll()).offset).toBe(end);
      await rig.idle();
      await scene.verify();
    });

    it('without checksums the same blocks go over bare', async () => {
      const scene = await openSynced({ checksum: false });
      const { rig } = scene;
      const cut = { offset: rig.file().length, lsn: rig.stat('appendedLsn') };
      scene.append('SET', 'k', 'v');
      await rig.flush(false);
      scene.append('SET', 'k', 'w');
      await failSync(scene);
      expect(await scene.roll()).toEqual(cut);
      scene.append('SET', 'k', 'x');
      await rig.flush(true);
      expect(rig.file(scene.path).toString()).toBe(
        Buffer.concat([encodeRecord('SELECT', 5), ...['v', 'w', 'x'].map((value) => encodeRecord('SET', 'k', value))]).toString(),
      );
      await scene.verify();
    });

    it('blocks with and without checksums keep what they have, and sessions begin where they must', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      for (const on of [true, false, false, true, true, false]) {
        rig.log.setChecksum(on);
        scene.append('SET', 'checksum', String(on));
        await rig.flush(false);
      }
      await failSync(scene);
      rig.log.setChecksum(true);
      await scene.roll('feed0002');
      await rig.idle();
      scene.append('SET', 'checksum', 'again');
      await rig.flush(true);
      const lines =
        rig
          .file(scene.path)
          .toString()
          .match(/#EVS1 [^\r]*|checksum\r\n\$\d+\r\n[a-z]+/g) ?? [];
      expect(lines.map((line) => (line.startsWith('#') ? line.includes(' s=feed0002') : line.split('\n').at(-1)))).toEqual([
        true,
        false,
        'true',
        'false',
        'false',
        true,
        'true',
        false,
        'true',
        'false',
        true,
        'again',
      ]);
      await scene.verify();
    });

    it('appends and flushes go on while it is under way', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      const { lsn } = scene.measureCut();
      scene.append('SET', 'k', 'v');
      const releaseWrite = faults.hold('write');
      rig.log.flush(true);
      faults.script('datasync', { code: 'EIO' });
      releaseWrite();
      await failed(scene);
      const rolling = scene.roll();
      for (let i = 0; i < 40; i++) {
        scene.append('SET', `during:${i}`, Buffer.alloc(20_000, i));
        if (i === 20) scene.select(6);
        rig.log.flush(i % 4 === 0);
        if (i % 8 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await rolling).toMatchObject({ lsn });
      scene.append('SET', 'after', 'it');
      await rig.flush(true);
      expect(rig.stat('syncedLsn')).toBe(rig.stat('appendedLsn'));
      await scene.verify();
    });

    it('until the new file was synced its blocks bear no witness, and no mark is made', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      scene.append('SET', 'k', 'v');
      await failSync(scene);
      const release = faults.hold('datasync');
      await scene.roll();
      await rig.until(() => faults.inFlight('datasync') === 1);
      scene.append('SET', 'k', 'w');
      rig.log.flush(false);
      await rig.until(() => rig.stat('isWriting') === 0);
      expect(rig.stat('syncedOffset')).toBe(0);
      release();
      await rig.idle();
      scene.append('SET', 'k', 'x');
      await rig.flush(true);
      const [lead, first, second, third] = scene.blocks();
      expect([lead, first, second].map((block) => (block?.lsn ?? 0) - (block?.lag ?? 0))).toEqual([
        lead?.lsn,
        lead?.lsn,
        lead?.lsn,
      ]);
      expect((third?.lsn ?? 0) - (third?.lag ?? 0)).toBe(second?.lsn);
      await scene.verify();

      rig.log.mark('i');
      await failSync(scene);
      const releaseAgain = faults.hold('datasync');
      await scene.roll();
      expect(rig.stat('syncedLsn')).toBe(rig.stat('appendedLsn'));
      expect(() => rig.log.mark('i')).toThrow(RangeError);
      releaseAgain();
      await rig.idle();
      rig.log.mark('i');
    });

    it('the first fdatasync of the new file covers all that was taken over, whatever was asked for before', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      scene.append('SET', 'k', 'v');
      const release = faults.hold('datasync');
      rig.log.flush(true);
      await rig.until(() => faults.inFlight('datasync') === 1);
      scene.append('SET', 'k', 'written, and a sync asked for');
      rig.log.flush(true);
      await rig.until(() => rig.stat('isWriting') === 0);
      faults.script('write', { code: 'ENOSPC' });
      scene.append('SET', 'k', 'not written, and a sync asked for');
      rig.log.flush(true);
      await failed(scene);
      const rolling = scene.roll();
      // Slowly, so that a request for less would be served before the rest is written.
      faults.script('write', { bytes: 10 }, { bytes: 100 }, ...Array.from({ length: 50 }, () => ({ bytes: 1 })));
      const calls = faults.calls('datasync');
      release();
      await rolling;
      await rig.idle();
      expect(faults.calls('datasync')).toBe(calls + 1);
      expect(rig.stat('syncedOffset')).toBe(rig.file(scene.path).length);
      await scene.verify();
    });

    it('a unit that is open meanwhile is one unit in the new file', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      scene.append('SET', 'k', 'v');
      await failSync(scene);
      rig.log.beginUnit();
      scene.append('MULTI');
      const rolling = scene.roll();
      scene.append('SET', 'k', Buffer.alloc(BlockLimits.blockBytes));
      await rolling;
      scene.append('EXEC');
      rig.log.endUnit();
      await rig.flush(true);
      expect(scene.blocks().map(({ f }) => f)).toEqual(['', '', 'm', 'm', '']);
      expect(rig.stat('bufferedBytes')).toBe(0);
      await scene.verify();
    });

    it('a mark that is not synced is not taken over', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      const cut = { offset: rig.file().length, lsn: rig.stat('appendedLsn') };
      rig.log.mark('i');
      await failSync(scene);
      expect(await scene.roll()).toEqual(cut);
      await rig.idle();
      expect(scene.blocks().map(({ f, payload }) => [f, payload.toString()])).toEqual([
        ['', encodeRecord('SELECT', 5).toString()],
      ]);
      rig.log.mark('i');
      await rig.flush(true);
      await scene.verify();
    });

    it('the SELECT is left out where the log is shorter than it', async () => {
      const scene = await open();
      scene.select(3);
      scene.append('PING');
      await failSync(scene);
      expect(await scene.roll()).toEqual({ offset: 0, lsn: 0 });
      await scene.rig.idle();
      expect(scene.blocks().map(({ s, d, lsn }) => [s !== '', d, lsn])).toEqual([[true, '', 0]]);
      await scene.verify();
    });

    it('a target that cannot be opened changes nothing: a full disk heals, a failed fdatasync stays', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      faults.script('write', { code: 'ENOSPC' });
      scene.append('SET', 'k', 'v');
      rig.log.flush(true);
      await failed(scene);
      const target = { path: join(rig.directory, 'none.aof'), position: 0, session: 'feed0002' };
      await expect(rig.log.roll(target)).rejects.toMatchObject({ code: 'AOF_IO', path: target.path });
      const full = rig.makeFile('full.aof', 'x');
      await expect(rig.log.roll({ ...target, path: full })).rejects.toMatchObject({ code: 'AOF_IO', path: full });
      expect(descriptorsOn(full)).toBe(0);
      expect(rig.stat('fault')).toBe(BlockLogFault.write);
      rig.log.resume();
      await rig.idle();
      await scene.verify();

      scene.append('SET', 'k', 'w');
      await failSync(scene);
      await expect(rig.log.roll(target)).rejects.toMatchObject({ code: 'AOF_IO' });
      expect([rig.stat('fault'), rig.stat('faultErrno')]).toEqual([BlockLogFault.sync, 5]);
      await scene.roll();
      await rig.idle();
      await scene.verify();
    });

    it('what was let go before it was synced cannot be rolled; what was not written can', async () => {
      const scene = await openSynced({ retainUntilSynced: false });
      const { rig } = scene;
      faults.script('write', { code: 'ENOSPC' });
      scene.append('SET', 'k', 'v');
      rig.log.flush(false);
      await failed(scene);
      await scene.roll();
      await rig.idle();
      await scene.verify();

      scene.append('SET', 'k', 'w');
      await failSync(scene);
      const path = rig.makeFile('refused.aof');
      await expect(rig.log.roll({ path, position: 0, session: 'feed0009' })).rejects.toMatchObject({ code: 'AOF_FAILED', path });
      expect(rig.stat('fault')).toBe(BlockLogFault.sync);
      await rig.until(() => descriptorsOn(path) === 0);
    });

    describe('while the file is changed', () => {
      const drained = ({ rig }: RollScene) => rig.until(() => rig.stat('retargetStage') === 2);

      /** The rest of the cut, and what is appended behind it. */
      async function finish(scene: RollScene): Promise<void> {
        const { rig } = scene;
        await drained(scene);
        scene.resumeTarget();
        await rig.flush(true);
        expect([rig.stat('fault'), rig.stat('syncedLsn')]).toEqual([0, rig.stat('appendedLsn')]);
        scene.append('SET', 'last', 'v');
        await rig.flush(true);
        await scene.verify();
      }

      it('the file that waits takes over what the old one owes, and the new one waits for what comes after the switch', async () => {
        const scene = await openSynced();
        const { rig } = scene;
        const cutLsn = rig.stat('appendedLsn');
        const end = rig.file().length;
        faults.script('datasync', { code: 'EIO' });
        scene.append('SET', 'before', 'v');
        await scene.switchToNext();
        const switchLsn = rig.stat('appendedLsn');
        scene.select(3);
        scene.append('SET', 'behind', 'v');
        rig.log.flush(true);
        await failed(scene);
        expect([rig.stat('fault'), rig.stat('retargetStage')]).toEqual([BlockLogFault.sync, 1]);
        expect(await scene.roll()).toEqual({ offset: end, lsn: cutLsn });
        await drained(scene);
        expect([rig.stat('writtenLsn'), rig.stat('syncedLsn')]).toEqual([switchLsn, switchLsn]);
        scene.append('SET', 'held', 'v');
        await finish(scene);
        const sessions = scene.blocks().filter(({ line }) => line.includes(' s='));
        expect(sessions).toHaveLength(1);
      });

      it('the file that took over fails as well: the next one does, in its turn', async () => {
        const scene = await openSynced();
        faults.script('datasync', { code: 'EIO' }, { code: 'EIO' });
        scene.append('SET', 'before', 'v');
        await scene.switchToNext();
        scene.select(3);
        scene.append('SET', 'behind', 'v');
        await failed(scene);
        await scene.roll();
        await failed(scene);
        expect(await scene.roll()).toEqual({ offset: 0, lsn: expect.any(Number) });
        await finish(scene);
      });

      it('a full disk in the middle of it: what the old file took in part is taken over whole', async () => {
        const scene = await openSynced();
        scene.append('SET', 'before', 'v'.repeat(1000));
        fillDiskAfter(300);
        await scene.switchToNext();
        scene.append('SET', 'behind', 'v');
        await failed(scene);
        faults.script('write');
        await scene.roll();
        await finish(scene);
      });

      it('a fault of the next file is an ordinary roll again', async () => {
        const scene = await openSynced();
        const { rig } = scene;
        scene.append('SET', 'before', 'v');
        await scene.switchToNext();
        await drained(scene);
        scene.resumeTarget();
        scene.select(3);
        scene.append('SET', 'behind', 'v');
        await failSync(scene);
        await scene.roll();
        await rig.idle();
        scene.append('SET', 'last', 'v');
        await rig.flush(true);
        await scene.verify();
      });

      it('closing in the middle of it waits for nobody', async () => {
        const scene = await openSynced();
        faults.script('datasync', { code: 'EIO' }, { code: 'EIO' });
        scene.append('SET', 'before', 'v');
        await scene.switchToNext();
        await failed(scene);
        await scene.roll();
        await scene.rig.close();
      });

      it('random appends, switches, faults and rolls: the files hold what was appended, once, and each is clean', async () => {
        const seed = testSeed();
        const random = new Random(seed);
        for (let round = 0; round < sized(15, 300); round++) {
          const scene = await open({ checksum: random.chance(0.8) });
          const { rig } = scene;
          const appendSome = (most: number) => {
            for (let i = random.below(most); i > 0; i--) {
              if (random.chance(0.2)) scene.select(random.below(16));
              scene.append('SET', `k${i}`, 'x'.repeat(random.below(random.chance(0.1) ? 300_000 : 300)));
              if (random.chance(0.2)) rig.log.flush(random.chance(0.5));
            }
          };
          appendSome(20);
          if (random.chance(0.7)) await rig.flush(true);
          appendSome(20);
          const failures = random.below(3);
          faults.script('datasync', ...Array.from({ length: failures }, () => ({ code: 'EIO' })));
          await scene.switchToNext();
          scene.select(random.below(16));
          appendSome(10);
          for (;;) {
            await rig.until(() => rig.stat('fault') !== 0 || rig.stat('retargetStage') === 2);
            if (rig.stat('fault') === 0) break;
            await scene.roll();
            appendSome(5);
          }
          scene.resumeTarget();
          appendSome(5);
          rig.log.flush(true);
          for (;;) {
            await rig.until(() => rig.stat('fault') !== 0 || rig.stat('syncedLsn') === rig.stat('appendedLsn'));
            if (rig.stat('fault') === 0) break;
            await scene.roll();
          }
          expect(rig.stat('syncedLsn'), `seed ${seed} round ${round}`).toBe(rig.stat('appendedLsn'));
          await scene.verify().catch((error: unknown) => {
            throw new Error(`seed ${seed} round ${round}`, { cause: error });
          });
          await rig.close();
        }
      });
    });

    it('with the next file open already, it comes before the switch', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      const next = rig.makeFile('next.aof');
      await rig.log.openNext({ path: next, position: 0, session: 'feed0002' });
      scene.append('SET', 'k', 'v');
      await failSync(scene);
      await scene.roll();
      scene.append('SET', 'k', 'w');
      rig.log.switchToNext();
      await rig.until(() => rig.stat('retargetStage') === 2);
      rig.log.resumeTarget();
      expect(scene.blocks().at(-1)?.payload.toString()).toContain('w');
      await scene.verify();
    });

    it('its place is after a fault, one at a time, in an empty file', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      const target = { path: rig.makeFile('target.aof'), position: 0, session: 'feed0002' };
      await expect(rig.log.roll(target)).rejects.toThrow(RangeError);
      scene.append('SET', 'k', 'v');
      await failSync(scene);
      await expect(rig.log.roll({ ...target, position: 1 })).rejects.toThrow(RangeError);
      const rolling = scene.roll();
      await expect(rig.log.roll(target)).rejects.toThrow(RangeError);
      expect(() => rig.log.resume()).toThrow(RangeError);
      await rolling;
      await rig.idle();
      await expect(rig.log.roll(target)).rejects.toThrow(RangeError);
    });

    it('close() waits for it, and for what it handed over', async () => {
      const scene = await openSynced();
      const { rig } = scene;
      scene.append('SET', 'k', 'v');
      await failSync(scene);
      const rolling = scene.roll();
      const closing = rig.log.close();
      expect(() => rig.log.append('PING')).toThrow(expect.objectContaining({ code: 'AOF_CLOSED' }));
      await closing;
      await rolling;
      await scene.verify();
      await rig.until(() => descriptorsOn(rig.path) === 0 && descriptorsOn(scene.path) === 0);
      await expect(rig.log.roll({ path: scene.path, position: 0, session: 'feed0003' })).rejects.toMatchObject({
        code: 'AOF_CLOSED',
      });
    });

    const firstSeed = testSeed();
    it.each(Array.from({ length: sized(6, 150) }, (_, i) => firstSeed + i))('random faults and rolls, seed %i', async (seed) => {
      const random = new Random(seed);
      const scene = await open({ lsn: random.pick([0, 5000]), checksum: random.chance(0.8) });
      const { rig } = scene;
      scene.select(random.below(12));
      let synced = 0;
      for (let step = 0; step < sized(120, 300); step++) {
        const isUnit = random.chance(0.15);
        if (isUnit) {
          rig.log.beginUnit();
          scene.append('MULTI');
        }
        for (let left = random.between(1, 5); left > 0; left--) {
          scene.append('SET', `k${random.below(99)}`, random.bytes(random.logBetween(1, random.chance(0.05) ? 300_000 : 500)));
          if (random.chance(0.1)) scene.select(random.below(12));
          if (random.chance(0.1)) rig.log.flush(random.chance(0.5));
        }
        if (isUnit) {
          scene.append('EXEC');
          rig.log.endUnit();
        }
        if (random.chance(0.03)) rig.log.setChecksum(random.chance(0.7));
        if (random.chance(0.3))
          faults.script('write', ...(random.chance(0.5) ? [{ bytes: random.between(1, 200) }] : []), { code: 'ENOSPC' });
        if (random.chance(0.2)) faults.script('datasync', ...(random.chance(0.5) ? [null] : []), { code: 'EIO' });
        rig.log.flush(random.chance(0.5));
        if (random.chance(0.7)) await settled(rig);
        const now = rig.stat('syncedLsn');
        expect(now, `seed ${seed}`).toBeGreaterThanOrEqual(synced);
        synced = now;
        if (random.chance(0.2))
          expect(
            scene.durableLsn((path) => faults.syncedSize(path)),
            `seed ${seed}`,
          ).toBeGreaterThanOrEqual(now);
        const fault = rig.stat('fault');
        if (fault === BlockLogFault.none) continue;
        if (fault === BlockLogFault.write && random.chance(0.3)) rig.log.resume();
        else {
          const cut = await scene.roll();
          expect(cut.lsn, `seed ${seed}`).toBeLessThanOrEqual(rig.stat('syncedLsn'));
        }
      }
      faults.script('write');
      faults.script('datasync');
      // What was under way may still fail.
      for (rig.log.flush(true); ; await scene.roll()) {
        await settled(rig);
        if (rig.stat('fault') === BlockLogFault.none) break;
      }
      await rig.flush(true);
      expect(rig.stat('syncedLsn'), `seed ${seed}`).toBe(rig.stat('appendedLsn'));
      expect(rig.stat('bufferedBytes'), `seed ${seed}`).toBe(0);
      await scene.verify();
    });
  });
}

/** Random faults and rolls in a log that is quiet between its steps: the same calls and faults make the same bytes. */
export function rollDifferenceTests(factories: readonly FaultyFactory[]): void {
  const firstSeed = testSeed();
  const names = factories.map(({ name }) => name).join(', ');
  describe(`rolls make the same bytes: ${names}`, () => {
    afterEach(closeRigs);

    it.each(Array.from({ length: sized(6, 150) }, (_, i) => firstSeed + i))('seed %i', async (seed) => {
      const results: Awaited<ReturnType<typeof runQuietly>>[] = [];
      for (const factory of factories) results.push(await runQuietly(factory, new Random(seed)));
      const [first, ...others] = results;
      expect(first?.cuts.length, `seed ${seed}`).toBeGreaterThan(0);
      for (const other of others) {
        expect(other.cuts).toEqual(first?.cuts);
        expect(other.files.map(annotations)).toEqual(first?.files.map(annotations));
        expect(other.files.every((file, i) => first?.files[i]?.equals(file))).toBe(true);
      }
    });
  });
}

async function runQuietly(
  { makeBackend, faults }: FaultyFactory,
  random: Random,
): Promise<{ files: Buffer[]; cuts: CutPlace[] }> {
  const scene = await RollScene.open(makeBackend(), { checksum: random.chance(0.8) });
  const { rig } = scene;
  const cuts: CutPlace[] = [];
  for (let step = 0; step < 150; step++) {
    const dice = random.below(100);
    if (dice < 50) scene.append('SET', `k${step}`, random.bytes(random.logBetween(1, random.chance(0.1) ? 300_000 : 2000)));
    else if (dice < 56) scene.select(random.below(20));
    else if (dice < 60) rig.log.tick(1_700_000_000 + random.below(3));
    else if (dice < 62) rig.log.setChecksum(random.chance(0.6));
    else if (dice < 70) {
      rig.log.beginUnit();
      scene.append('MULTI');
      for (let left = random.below(4); left > 0; left--) {
        scene.append('SET', 'u', random.bytes(random.logBetween(1, 200_000)));
        if (random.chance(0.2)) {
          rig.log.flush(random.chance(0.5));
          await settled(rig);
        }
      }
      scene.append('EXEC');
      rig.log.endUnit();
    } else {
      // What a full block has handed over before is written without the fault.
      await settled(rig);
      if (random.chance(0.2)) faults.script('write', { code: 'ENOSPC' });
      if (random.chance(0.2)) faults.script('datasync', { code: 'EIO' });
      rig.log.flush(random.chance(0.6));
      await settled(rig);
    }
    await settled(rig);
    if (rig.stat('fault') === BlockLogFault.none) continue;
    faults.script('write');
    faults.script('datasync');
    if (rig.stat('fault') === BlockLogFault.write && random.chance(0.3)) rig.log.resume();
    else cuts.push(await scene.roll());
    await settled(rig);
  }
  faults.script('write');
  faults.script('datasync');
  await rig.flush(true);
  await scene.verify();
  const files = scene.contents();
  await rig.close();
  return { files, cuts };
}

/** For a readable difference before the bytes are compared. */
function annotations(file: Buffer): string[] {
  return file.latin1Slice().match(/#EVS1 [0-9a-f]+ [0-9a-f]+ [0-9a-f]+ [0-9a-f]{8}[^\r]*/g) ?? [];
}

function hex(n: number): string {
  return n.toString(16);
}

/** Idle, or at a fault. */
function settled(rig: LogRig): Promise<void> {
  return rig.until(() => rig.stat('fault') !== 0 || (rig.stat('isWriting') === 0 && rig.stat('isSyncing') === 0));
}

/** Time for what must not happen. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

/** How many descriptors of this process are open on a path; 0 where the platform does not tell. */
function descriptorsOn(path: string): number {
  if (!existsSync('/proc/self/fd')) return 0;
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(join('/proc/self/fd', fd)) === path;
    } catch {
      return false;
    }
  }).length;
}
