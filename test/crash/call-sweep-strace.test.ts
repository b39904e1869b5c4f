// The call sweep once more without its library: strace makes the nth fdatasync or rename of a thread fail, for n = 1, 2, 3 ... until a
// run meets no fault. Only in the long run (EVERYSEC_LONG=1): it checks the library as much as the engine.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendUnderTest } from '../support/everysec-server.js';
import { complaintAfterRecovery } from '../support/preload/recovered-store.js';
import { legalStates } from '../support/preload/sweep-journal.js';
import { SweepRunner } from '../support/preload/sweep-runner.js';
import { makeScene } from '../support/preload/sweep-scenes.js';
import { isLongRun } from '../support/seeded-random.js';

const backend = backendUnderTest();
const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
let home = '';
const hasStrace = spawnSync('strace', ['-V']).status === 0;
if (isLongRun && !hasStrace) console.log('skipped: the sweep under strace, because there is no strace here');

describe.runIf(isLongRun && hasStrace)(`calls that strace makes fail, backend ${backend}`, () => {
  beforeAll(() => {
    home = mkdtempSync(join(base, 'everysec-strace-'));
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it.each(['fdatasync', 'rename'])('%s', { timeout: 1_200_000 }, async (call) => {
    const out = join(home, 'strace');
    const wrong: string[] = [];
    let runs = 0;
    let largest = 0;
    for (const name of ['life', 'switch'] as const) {
      const scene = await makeScene(name, join(home, 'scenes'), backend);
      for (const policy of ['always', 'everysec'] as const) {
        for (let n = 1; ; n++) {
          const inject = `inject=${call}:error=EIO:when=${n}`;
          const wrapper = ['strace', '-f', '-qq', '-o', out, '-e', `trace=${call}`, '-e', inject];
          rmSync(join(home, 'runner'), { recursive: true, force: true });
          const runner = new SweepRunner(null, join(home, 'runner'), wrapper);
          cpSync(scene.template, runner.dataDir, { recursive: true });

          const result = await runner.run({ scene: name, policy, backend, mode: 'once', firstOperation: 100, mayFail: false });
          await runner.end();
          const legal = legalStates(runner.journal, scene.before, scene.kinds);
          const found = await complaintAfterRecovery(runner.dataDir, backend, legal, legal.floor);
          const all = [...result.complaints, ...legal.complaints, ...(found === null ? [] : [found])];
          wrong.push(...all.map((text) => `${name}, ${policy}, n = ${n}: ${text}`));
          runs++;
          if (!readFileSync(out, 'latin1').includes('INJECTED')) break;
          largest = Math.max(largest, n);
        }
      }
    }
    console.log(`calls that strace makes fail: ${backend} ${call}, ${runs} runs, largest n ${largest}`);
    expect(wrong).toEqual([]);
  });
});
