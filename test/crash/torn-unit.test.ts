/**
 * Execution units that outgrow a block, torn at any block's end: exactly the unit that is not whole goes, never one that stands
 * before it. Cuts are made between blocks, so such a unit has to begin a block of its own.
 *
 * EVERYSEC_SEED repeats a run.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { blocksOf } from '../support/annotated-file.js';
import { openLog } from '../support/command-list-host.js';
import { backendUnderTest } from '../support/everysec-server.js';
import { corruptCopies, incrName, lastFileOf, writeLog } from '../support/file-surgery.js';
import { aofRecords } from '../support/redis-server.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const backend = backendUnderTest();
const seed = testSeed();
const file = incrName(1);

afterAll(removeTempDirs);

/** Units and single commands of up to some 200 KB, all in one turn so that no flush comes between. */
async function writeLargeUnits(random: Random): Promise<Buffer> {
  const dir = tempDir('units');
  const { aof } = await openLog({ dir, backend, appendfsync: 'no' });
  for (let i = 0; i < 60; i += 1) {
    const value = () => 'v'.repeat(random.logBetween(1, 60_000));
    if (random.chance(0.3)) aof.append(random.below(2), 'SET', `single:${i}`, value());
    else {
      aof.unit(random.below(2), (log) => {
        for (let part = random.logBetween(2, 60); part > 0; part -= 1) log('SET', `unit:${i}:${part}`, value());
      });
    }
  }
  await aof.close();
  return readFileSync(lastFileOf(dir));
}

/** Names of the keys set by whole units in these bytes, in order. */
function keysOfWholeUnits(bytes: Buffer): string[] {
  const done: string[] = [];
  let open: string[] | null = null;
  for (const [name, key = ''] of aofRecords(bytes)) {
    if (name === 'MULTI') open = [];
    else if (name === 'EXEC') {
      done.push(...(open ?? []));
      open = null;
    } else if (name !== 'SELECT') (open ?? done).push(key);
  }
  return done;
}

describe(`units longer than a block, backend ${backend}`, () => {
  it('cut behind any block, whole units stay and the torn one goes', async () => {
    let torn = 0;
    for (let round = 0; round < sized(8, 60); round += 1) {
      const bytes = await writeLargeUnits(new Random(seed + round));
      const blocks = blocksOf(bytes);
      expect(blocks.at(-1)?.end).toBe(bytes.length);
      for (const block of blocks.slice(0, -1)) {
        const part = bytes.subarray(0, block.end);
        const dir = tempDir('torn-unit');
        const folder = writeLog(dir, { files: { [file]: part } });
        const { aof, commands } = await openLog({ dir, backend });
        const keys = commands.map((command) => command.split(' ')[1]);
        expect(keys, `round ${round}, cut at ${block.end}, seed ${seed}`).toEqual(keysOfWholeUnits(part));
        await aof.close();
        torn += corruptCopies(folder, file).length;
        for (const name of corruptCopies(folder, file)) expect(readFileSync(join(folder, name)).length).toBeGreaterThan(0);
      }
    }
    console.log(`units over several blocks: ${backend}, ${torn} torn, seed ${seed}`);
    expect(torn).toBeGreaterThan(0);
  }, 60_000);
});
