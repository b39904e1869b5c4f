/**
 * After a clean close every byte of the log is known: whichever of them changes, in whatever way, the next open refuses, names
 * the block, and leaves the disk as it is. Only the closing mark itself may be damaged without loss: nothing behind it, all
 * before it whole.
 *
 * Bounded here; EVERYSEC_LONG=1 flips 10,000 bytes. EVERYSEC_SEED repeats a run.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Block, blocksOf } from '../support/annotated-file.js';
import { openLog, refusalOf } from '../support/command-list-host.js';
import { backendUnderTest } from '../support/everysec-server.js';
import { copyDir, flipByte, hashesOf, lastFileOf } from '../support/file-surgery.js';
import { isLongRun, Random, sized, testSeed } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const backend = backendUnderTest();
const seed = testSeed();
const FLIPS = sized(600, 10_000);

let pristine = '';
let bytes = Buffer.alloc(0);
let blocks: Block[] = [];
let commands: readonly string[] = [];

beforeAll(async () => {
  pristine = tempDir('flips');
  commands = await writeSomeLog(pristine);
  bytes = readFileSync(lastFileOf(pristine));
  blocks = blocksOf(bytes);
  expect(blocks.length, 'blocks').toBeGreaterThan(20);
  expect(blocks.at(-1)).toMatchObject({ flags: 'c', end: bytes.length });
});
afterAll(removeTempDirs);

/** Three sessions of single commands and units, synced at random places; ends with a clean close. */
async function writeSomeLog(dir: string): Promise<string[]> {
  const random = new Random(seed);
  const written: string[] = [];
  const note = (key: string, value: string): [string, string, string] => {
    written.push(`SET ${key} ${value}`);
    return ['SET', key, value];
  };
  for (let session = 0; session < 3; session += 1) {
    const { aof } = await openLog({ dir, backend, appendfsync: session === 1 ? 'no' : 'always' });
    for (let i = 0; i < 25; i += 1) {
      const key = `key:${session}:${i}`;
      if (random.chance(0.2))
        aof.unit(random.below(3), (log) => {
          for (const n of [1, 2, 3]) log(...note(`${key}:${n}`, 'part'));
        });
      else aof.append(random.below(3), ...note(key, random.bytes(random.below(60)).toString('hex')));
      if (random.chance(0.5)) await aof.synced();
    }
    await aof.close();
  }
  return written;
}

describe(`single flipped bytes after a clean close, backend ${backend}`, () => {
  it(
    `each of ${FLIPS} is refused with the offset of its block, and nothing on disk changes`,
    async () => {
      const random = new Random(seed + 1);
      const dir = copyDir(pristine, tempDir('flipped'));
      const file = lastFileOf(dir);
      const closingMark = blocks.at(-1)?.offset ?? 0;
      const perOutcome = { annotation: 0, payload: 0 };
      for (let n = 0; n < FLIPS; n += 1) {
        const at = random.below(closingMark);
        const mask = random.chance(0.5) ? 1 << random.below(8) : random.between(1, 255);
        const label = `seed ${seed}, flip ${n}: byte ${at} ^ ${mask}`;
        writeFileSync(file, flipByte(bytes, at, mask));
        const before = hashesOf(dir);
        const block = blocks.find((one) => at >= one.offset && at < one.end);
        const refusal = await refusalOf({ dir, backend });
        expect(refusal, label).toMatchObject({ code: 'AOF_CORRUPT', offset: block?.offset });
        expect(basename(refusal?.path ?? ''), label).toBe(basename(file));
        expect(hashesOf(dir), label).toEqual(before);
        if (at < (block?.payload ?? 0)) perOutcome.annotation += 1;
        else perOutcome.payload += 1;
      }
      console.log(
        `flips: ${backend}, ${FLIPS} refused (${perOutcome.annotation} in annotations, ${perOutcome.payload} in payloads), seed ${seed}`,
      );
    },
    isLongRun ? 1_200_000 : 60_000,
  );

  it(
    'every byte of every annotation line: each bit',
    async () => {
      const dir = copyDir(pristine, tempDir('flipped'));
      const file = lastFileOf(dir);
      let count = 0;
      // First of a session, last of a session, in between, and the idle or closing marks inside the file.
      for (const block of isLongRun ? blocks.slice(0, -1) : [blocks[0], blocks[1], blocks.at(-2)]) {
        if (block === undefined) continue;
        for (let at = block.offset; at < block.payload; at += 1) {
          for (const bit of isLongRun ? [0, 1, 2, 3, 4, 5, 6, 7] : [0, 5]) {
            writeFileSync(file, flipByte(bytes, at, 1 << bit));
            const before = hashesOf(dir);
            expect(await refusalOf({ dir, backend }), `byte ${at}, bit ${bit}, seed ${seed}`).toMatchObject({
              code: 'AOF_CORRUPT',
              offset: block.offset,
            });
            expect(hashesOf(dir)).toEqual(before);
            count += 1;
          }
        }
      }
      console.log(`flips in annotation lines: ${backend}, ${count} refused, seed ${seed}`);
    },
    isLongRun ? 1_200_000 : 60_000,
  );

  it('in the closing mark itself nothing is lost', async () => {
    const closing = blocks.at(-1);
    if (closing === undefined) throw new Error('no blocks');
    for (let at = closing.offset; at < closing.end; at += isLongRun ? 1 : 3) {
      const dir = copyDir(pristine, tempDir('mark'));
      writeFileSync(lastFileOf(dir), flipByte(bytes, at, 0x04));
      const opened = await openLog({ dir, backend });
      expect(opened.commands, `byte ${at}, seed ${seed}`).toEqual(commands);
      await opened.aof.close();
      const again = await openLog({ dir, backend });
      expect(again.commands).toEqual(commands);
      await again.aof.close();
    }
  });

  it('in a file that is not the last, each is refused too', async () => {
    const dir = copyDir(pristine, tempDir('middle'));
    const folder = join(dir, 'appendonlydir');
    const file = lastFileOf(dir);
    const manifest = join(folder, 'appendonly.aof.manifest');
    writeFileSync(manifest, `${readFileSync(manifest, 'latin1')}file appendonly.aof.9.incr.aof seq 9 type i\n`);
    writeFileSync(join(folder, 'appendonly.aof.9.incr.aof'), '');
    const random = new Random(seed + 2);
    for (let n = 0; n < sized(100, 1000); n += 1) {
      const at = random.below(bytes.length);
      writeFileSync(file, flipByte(bytes, at, random.between(1, 255)));
      const before = hashesOf(dir);
      expect(await refusalOf({ dir, backend }), `byte ${at}, seed ${seed}`).toMatchObject({ code: 'AOF_CORRUPT' });
      expect(hashesOf(dir)).toEqual(before);
    }
  });
});
