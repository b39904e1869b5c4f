/**
 * A log that ends anywhere: cut at every byte, with nothing, zeros or garbage behind the cut, with annotations and without;
 * holes in the middle with good blocks behind them. What becomes of it is compared with an independent reading of the rules
 * (support/annotated-file.ts): all of it, cut with a copy, or refused with nothing changed. Whatever was recovered is opened
 * again, appended to, and opened once more.
 *
 * Bounded here (some places); EVERYSEC_LONG=1 takes every byte. EVERYSEC_SEED repeats a run.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { blocksOf, judge, makeBlock, type Verdict } from '../support/annotated-file.js';
import { openLog, refusalOf } from '../support/command-list-host.js';
import { backendUnderTest } from '../support/everysec-server.js';
import { corruptCopies, hashesOf, incrName, lastFileOf, records, writeLog } from '../support/file-surgery.js';
import { isLongRun, Random, sized, testSeed } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const backend = backendUnderTest();
const seed = testSeed();
const timeout = isLongRun ? 3_600_000 : 60_000;
const file = incrName(1);
const tally = { clean: 0, cut: 0, refuse: 0 };

afterAll(removeTempDirs);

const scratch = tempDir('torn');

/** A directory whose only incr file has these bytes. */
function directoryWith(bytes: Buffer): string {
  const dir = join(scratch, 'case');
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  writeLog(dir, { files: { [file]: bytes } });
  return dir;
}

async function obeysTheRules(bytes: Buffer, isAnnotated: boolean, label: string): Promise<Verdict> {
  const verdict = judge(bytes);
  tally[verdict.kind] += 1;
  const dir = directoryWith(bytes);
  const folder = join(dir, 'appendonlydir');
  const options = { dir, backend, aofChecksum: isAnnotated, appendfsync: 'no' as const };
  if (verdict.kind === 'refuse') {
    const before = hashesOf(dir);
    expect(await refusalOf(options), label).toMatchObject({ code: 'AOF_CORRUPT', offset: verdict.at });
    expect(hashesOf(dir), label).toEqual(before);
    return verdict;
  }
  const first = await openLog(options);
  expect(first.commands, label).toEqual(verdict.commands);
  const copies = corruptCopies(folder, file);
  expect(copies, label).toHaveLength(verdict.kind === 'cut' ? 1 : 0);
  if (verdict.kind === 'cut')
    expect(readFileSync(join(folder, copies[0] ?? '')).equals(bytes.subarray(verdict.at)), `${label}: the copy`).toBe(true);
  first.aof.append(0, 'SET', 'after', 'recovery');
  await first.aof.close();
  expect(
    readFileSync(lastFileOf(dir)).subarray(0, verdict.at).equals(bytes.subarray(0, verdict.at)),
    `${label}: what was not cut`,
  ).toBe(true);
  const second = await openLog(options);
  await second.aof.close();
  expect(second.commands, `${label}: second open`).toEqual([...verdict.commands, 'SET after recovery']);
  expect(corruptCopies(folder, file), label).toEqual(copies);
  return verdict;
}

/** About 4 KB by the engine itself, synced at random places, MULTI among them. */
async function logOfTheEngine(isAnnotated: boolean, appendfsync: 'always' | 'no'): Promise<Buffer> {
  const random = new Random(seed);
  const dir = tempDir('made');
  const { aof } = await openLog({ dir, backend, appendfsync, aofChecksum: isAnnotated });
  for (let i = 0; i < 40; i += 1) {
    if (random.chance(0.25))
      aof.unit(random.below(2), (log) => {
        for (const n of [1, 2, 3]) log('SET', `unit:${i}:${n}`, 'x'.repeat(random.below(20)));
      });
    else aof.append(random.below(2), 'SET', `key:${i}`, 'v'.repeat(random.below(90)));
    if (appendfsync === 'always' && random.chance(0.4)) await aof.synced();
    else if (random.chance(0.4)) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await aof.close();
  return readFileSync(lastFileOf(dir));
}

/** Blocks by hand: random sizes and lags, units over several blocks, two sessions. */
function logByHand(random: Random): Buffer {
  const out: Buffer[] = [];
  let lsn = 0;
  let synced = 0;
  let n = 0;
  const push = (payload: Buffer, session: string | undefined, flags?: string) => {
    out.push(
      makeBlock(payload, {
        lsn,
        lag: lsn - synced,
        ...(session === undefined ? {} : { session }),
        ...(flags === undefined ? {} : { flags }),
      }),
    );
    lsn += payload.length;
  };
  const some = () =>
    records(...Array.from({ length: random.between(1, 4) }, () => ['SET', `k:${n++}`, 'v'.repeat(random.below(60))]));
  for (const session of ['0000aaaa', '0000bbbb']) {
    push(Buffer.concat([records(['SELECT', '0']), some()]), session);
    for (let i = 0; i < 12; i += 1) {
      if (random.chance(0.2)) {
        push(Buffer.concat([records(['MULTI']), some()]), undefined, 'm');
        if (random.chance(0.5)) push(some(), undefined, 'm');
        push(Buffer.concat([some(), records(['EXEC'])]), undefined);
      } else push(some(), undefined);
      // fdatasync ends somewhere behind what was written.
      if (random.chance(0.4)) synced += random.below(lsn - synced + 1);
    }
    if (session === '0000aaaa' && random.chance(0.7)) {
      synced = lsn;
      out.push(makeBlock(Buffer.alloc(0), { lsn, flags: random.pick(['c', 'i']) }));
    }
  }
  return Buffer.concat(out);
}

/** Every byte in a long run; here the places around the block's edges and some between. */
function placesIn(bytes: Buffer, count: number): number[] {
  if (isLongRun) return Array.from({ length: bytes.length + 1 }, (_, i) => i);
  const random = new Random(seed + 3);
  const places = new Set([0, 1, bytes.length - 1, bytes.length]);
  const blocks = blocksOf(bytes);
  for (const block of [blocks[0], blocks[1], blocks.at(-2), blocks.at(-1)]) {
    if (block === undefined) continue;
    for (const place of [block.offset, block.offset + 1, block.payload - 1, block.payload, block.payload + 1, block.end - 1])
      places.add(place);
  }
  while (places.size < count) places.add(random.below(bytes.length));
  return [...places].filter((place) => place >= 0 && place <= bytes.length).sort((a, b) => a - b);
}

/** Not what begins like a record or a comment: behind a whole block that is another server's append, and judged as such elsewhere. */
function garbage(bytes: Buffer): Buffer {
  if (bytes[0] === 0x23 || bytes[0] === 0x2a) bytes[0] = 0x21;
  return bytes;
}

function isBehindHash(bytes: Buffer, at: number): boolean {
  return blocksOf(bytes).some(({ offset }) => offset === at - 1);
}

const tails: ReadonlyArray<readonly [name: string, make: (random: Random) => Buffer]> = [
  ['nothing', () => Buffer.alloc(0)],
  ['zeros', (random) => Buffer.alloc(random.logBetween(1, 4096))],
  ['garbage', (random) => garbage(random.bytes(random.logBetween(1, 600)))],
];

describe(`cut at any byte, backend ${backend}`, () => {
  const places = 40;

  describe.each(tails)('%s behind the cut', (tailName, makeTail) => {
    it.each([
      ['annotated, always synced', true, 'always'],
      ['annotated, never synced', true, 'no'],
      ['plain', false, 'always'],
    ] as const)(
      '%s',
      async (_title, isAnnotated, appendfsync) => {
        const bytes = await logOfTheEngine(isAnnotated, appendfsync);
        const random = new Random(seed + 4);
        for (const place of placesIn(bytes, places)) {
          const torn = Buffer.concat([bytes.subarray(0, place), makeTail(random)]);
          await obeysTheRules(torn, isAnnotated, `cut at ${place} of ${bytes.length}, ${tailName} behind, seed ${seed}`);
        }
      },
      timeout,
    );
  });

  it(
    'blocks of every shape: random lags, units over several blocks, sessions',
    async () => {
      const random = new Random(seed + 5);
      for (let n = 0; n < sized(100, 5000); n += 1) {
        const bytes = logByHand(random);
        const place = random.below(bytes.length + 1);
        const [tailName, makeTail] = random.pick(tails);
        await obeysTheRules(
          Buffer.concat([bytes.subarray(0, place), makeTail(random)]),
          true,
          `case ${n}: cut at ${place}, ${tailName}, seed ${seed}`,
        );
      }
    },
    timeout,
  );
});

describe(`holes with good blocks behind them, backend ${backend}`, () => {
  it(
    'below the evidence they are damage, beyond it a torn tail',
    async () => {
      const random = new Random(seed + 6);
      const seen = { cut: 0, refuse: 0, clean: 0 };
      for (let n = 0; n < sized(150, 5000); n += 1) {
        const bytes = Buffer.from(logByHand(random));
        // A page that is missing often begins where a block does.
        let at = random.chance(0.3) ? random.pick(blocksOf(bytes)).offset : random.below(bytes.length - 1);
        const end = Math.min(bytes.length, at + random.logBetween(1, 1200));
        const isZeros = random.chance(0.5);
        // A `#` that is left before some text is a comment: another server's, as far as anybody can tell.
        if (!isZeros && isBehindHash(bytes, at)) at -= 1;
        if (isZeros) bytes.fill(0, at, end);
        else garbage(random.bytes(end - at)).copy(bytes, at);
        const verdict = await obeysTheRules(bytes, true, `case ${n}: hole ${at}..${end} of ${bytes.length}, seed ${seed}`);
        seen[verdict.kind] += 1;
      }
      expect(seen.cut, 'torn tails').toBeGreaterThan(10);
      expect(seen.refuse, 'damages').toBeGreaterThan(10);
    },
    timeout,
  );
});

describe(`copies of what was cut, backend ${backend}`, () => {
  it('at most 3 are kept, the latest', async () => {
    const dir = tempDir('copies');
    const folder = writeLog(dir, { files: { [file]: '' } });
    for (let n = 1; n <= 5; n += 1) {
      const path = lastFileOf(dir);
      writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.from(`*1\r\n$9\r\ntorn:${n}`)]));
      const { aof } = await openLog({ dir, backend, aofChecksum: false });
      await aof.close();
      expect(corruptCopies(folder, file)).toHaveLength(Math.min(n, 3));
    }
    const kept = corruptCopies(folder, file).map((name) => readFileSync(join(folder, name), 'latin1'));
    expect(kept.sort()).toEqual([3, 4, 5].map((n) => `*1\r\n$9\r\ntorn:${n}`));
  });

  it('with aof-load-truncated no nothing is cut', async () => {
    const dir = tempDir('strict');
    writeLog(dir, { files: { [file]: records(['SET', 'a', '1'], ['SET', 'b', '2']).subarray(0, -3) } });
    const before = hashesOf(dir);
    expect(await refusalOf({ dir, backend, aofLoadTruncated: false })).toMatchObject({ code: 'AOF_TRUNCATED' });
    expect(hashesOf(dir)).toEqual(before);
  });

  it('the tally of this run', () => {
    console.log(
      `torn tails: ${backend}, ${tally.clean} whole, ${tally.cut} cut, ${tally.refuse} refused, as the rules say (seed ${seed})`,
    );
    expect(tally.cut).toBeGreaterThan(100);
    expect(tally.refuse).toBeGreaterThan(10);
  });
});
