/** Units and blocks: a unit that is not over with its block begins a block, and one that fits is not split. */
import { afterEach, describe, expect, it } from 'vitest';
import { BlockLimits } from '../../src/backend/backend.js';
import { closeRigs, LogRig } from '../support/log-rig.js';
import { readWhole } from '../support/read-log.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';
import type { BackendFactory } from './log-suite.js';
import { encodeRecord, type OracleBlock } from './oracle.js';

const MULTI = encodeRecord('MULTI');
const EXEC = encodeRecord('EXEC');
const PING = encodeRecord('PING');

/** A SET whose record has exactly this many bytes. */
function recordOf(length: number): Buffer {
  for (let value = Math.max(0, length - 45); value <= length; value++) {
    const record = encodeRecord('SET', 'k', Buffer.alloc(value, 'v'));
    if (record.length === length) return record;
  }
  throw new Error(`no record has ${length} bytes`);
}

function appendAll(rig: LogRig, ...records: readonly Buffer[]): void {
  for (const record of records) rig.log.appendRaw(record, 0, record.length);
}

function unit(rig: LogRig, ...records: readonly Buffer[]): void {
  rig.log.beginUnit();
  appendAll(rig, MULTI, ...records, EXEC);
  rig.log.endUnit();
}

/** What stands in the blocks: lengths, flags, databases. */
function shapes(blocks: readonly OracleBlock[]): (string | number)[][] {
  return blocks.map(({ payload, f, d }) => [payload.length, f, d]);
}

export function unitTests({ makeBackend }: BackendFactory): void {
  describe('units and blocks', () => {
    afterEach(closeRigs);

    it('a unit that outgrows its block moves to the next one; what stood before it is a block without f=m', async () => {
      const rig = await LogRig.open(makeBackend());
      const big = recordOf(BlockLimits.blockBytes - 100);
      appendAll(rig, PING, PING);
      unit(rig, recordOf(200), big, big);
      appendAll(rig, PING);
      await rig.flush();
      expect(shapes(rig.blocks())).toEqual([
        [28, '', ''],
        [MULTI.length + 200, 'm', ''],
        [big.length, 'm', ''],
        [big.length + EXEC.length + PING.length, '', ''],
      ]);
    });

    it('a unit that fits to the byte stays; one byte more and it moves whole, and is not split', async () => {
      for (const more of [0, 1]) {
        const rig = await LogRig.open(makeBackend());
        const before = recordOf(200_000);
        const inner = recordOf(BlockLimits.blockBytes - before.length - MULTI.length - EXEC.length + more);
        appendAll(rig, before);
        unit(rig, inner);
        await rig.flush();
        const unitLength = MULTI.length + inner.length + EXEC.length;
        expect(shapes(rig.blocks())).toEqual(
          more === 0
            ? [[BlockLimits.blockBytes, '', '']]
            : [
                [before.length, '', ''],
                [unitLength, '', ''],
              ],
        );
      }
    });

    it('its block names the database that was selected where it began', async () => {
      const rig = await LogRig.open(makeBackend());
      rig.log.select(3);
      appendAll(rig, recordOf(1000));
      rig.log.beginUnit();
      appendAll(rig, MULTI);
      rig.log.select(4);
      appendAll(rig, recordOf(BlockLimits.blockBytes - 500));
      rig.log.select(5);
      appendAll(rig, recordOf(BlockLimits.blockBytes - 500), EXEC);
      rig.log.endUnit();
      await rig.flush();
      expect(rig.blocks().map(({ d, f }) => [d, f])).toEqual([
        ['', ''],
        ['3', 'm'],
        ['5', ''],
      ]);
    });

    it.each([
      ['at the end of a small block', 30],
      ['behind most of a block', 200_000],
    ])('a record longer than a block inside a unit %s', async (_, length) => {
      const rig = await LogRig.open(makeBackend());
      const long = recordOf(BlockLimits.blockBytes + 1);
      appendAll(rig, recordOf(length));
      unit(rig, long);
      await rig.flush();
      expect(shapes(rig.blocks())).toEqual([
        [length, '', ''],
        [MULTI.length, 'm', ''],
        [long.length, 'm', ''],
        [EXEC.length, '', ''],
      ]);
    });

    it('a unit at the start of a block makes no empty block', async () => {
      const rig = await LogRig.open(makeBackend());
      unit(rig, recordOf(BlockLimits.blockBytes - 20), PING);
      await rig.flush();
      expect(rig.blocks().map(({ f, payload }) => [f, payload.length])).toEqual([
        ['m', MULTI.length + BlockLimits.blockBytes - 20],
        ['', PING.length + EXEC.length],
      ]);
    });

    it('a flush inside a unit seals what stands before it apart; with nothing in the unit yet nothing goes on', async () => {
      const rig = await LogRig.open(makeBackend());
      appendAll(rig, PING);
      rig.log.beginUnit();
      await rig.flush();
      appendAll(rig, MULTI);
      await rig.flush();
      appendAll(rig, EXEC);
      rig.log.endUnit();
      appendAll(rig, PING);
      rig.log.beginUnit();
      appendAll(rig, MULTI);
      rig.log.writeOutSync();
      expect(shapes(rig.blocks())).toEqual([
        [PING.length, '', ''],
        [MULTI.length, 'm', ''],
        [EXEC.length + PING.length, '', ''],
        [MULTI.length, 'm', ''],
      ]);
    });

    it('half a unit is held in memory until all of it is synced', async () => {
      const rig = await LogRig.open(makeBackend());
      appendAll(rig, PING);
      rig.log.beginUnit();
      appendAll(rig, MULTI);
      await rig.flush(true);
      const held = rig.stat('bufferedBytes');
      expect(held).toBe(rig.file().length - rig.file().lastIndexOf('#EVS1'));
      appendAll(rig, EXEC);
      await rig.flush(true);
      expect(rig.stat('bufferedBytes')).toBeGreaterThan(held);
      rig.log.endUnit();
      expect(rig.stat('bufferedBytes')).toBe(0);
      expect(rig.stat('syncedLsn')).toBe(rig.stat('appendedLsn'));
    });

    it('cut after any block, a file has no whole unit behind the place where its open unit begins', async () => {
      const seed = testSeed();
      const random = new Random(seed);
      const backend = makeBackend();
      let opened = 0;
      for (let round = 0; round < sized(5, 40); round++) {
        const rig = await LogRig.open(backend);
        const expected: Buffer[] = [];
        const append = (record: Buffer) => {
          appendAll(rig, record);
          expected.push(record);
        };
        for (let k = 0; k < 100; k++) {
          // One unit of each round surely spans blocks: few random ones are that long.
          const isLong = k === 50;
          const isUnit = isLong || random.chance(0.4);
          if (isUnit) {
            rig.log.beginUnit();
            append(MULTI);
          }
          for (let left = isLong ? 4 : random.between(1, 4); left > 0; left--) {
            const length = isLong ? 100_000 : random.logBetween(60, random.chance(0.1) ? 400_000 : 90_000);
            append(encodeRecord('SET', 'k', random.bytes(length)));
            if (random.chance(0.05)) rig.log.flush(false);
          }
          if (isUnit) {
            append(EXEC);
            rig.log.endUnit();
          }
        }
        await rig.flush(true);
        expect(rig.stat('bufferedBytes'), `seed ${seed}`).toBe(0);
        expect(rig.payload().equals(Buffer.concat(expected)), `seed ${seed}`).toBe(true);
        let end = 0;
        for (const { line, payload } of rig.blocks()) {
          end += line.length + 2 + payload.length;
          const reader = backend.openReader({ path: rig.path, endOffset: end });
          const { outcome } = await readWhole(reader);
          await reader.close();
          expect(outcome.status, `seed ${seed}`).toBe('clean');
          expect(outcome.unitLsn, `seed ${seed}, block to ${end}`).toBe(outcome.unitRecordLsn);
          if (outcome.openMulti) opened += 1;
        }
      }
      expect(opened, `seed ${seed}`).toBeGreaterThan(0);
    });
  });
}
