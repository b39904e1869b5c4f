/**
 * A rewrite makes no pause, however large a collection is and whatever is done to it meanwhile. What is judged does not depend on
 * whoever else uses the machine: between two looks at the clock, and in one command, always the same work is done, so that each
 * stretch is measured several times and its shortest time counts; beside it, what a command takes where no rewrite is under way.
 *
 * 100,000 elements; EVERYSEC_LONG=1: a million, and besides the turns of a real event loop over the backend under test.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { SnapshotReader } from '../../src/host.js';
import { open } from '../../src/index.js';
import { snapshotOf } from '../../src/store/snapshot.js';
import { backendUnderTest } from '../support/everysec-server.js';
import { RewriteRig } from '../support/rewrite-rig.js';
import { isLongRun, sized } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const ELEMENTS = sized(100_000, 1_000_000);
const ROUNDS = 4;
const PAUSE_MAX_MS = 5;
const TIMEOUT = sized(120_000, 1_200_000);
/** So many looks lie between two changes of what is walked. */
const LOOKS_PER_CHANGE = 40;
type Command = (string | number)[];

/** Stretches of work of one kind, in order; over the rounds the shortest time of each. */
class Stretches {
  private readonly ms: number[] = [];
  private at = 0;

  again(): void {
    this.at = 0;
  }

  note(ms: number): void {
    this.ms[this.at] = Math.min(this.ms[this.at] ?? Number.POSITIVE_INFINITY, ms);
    this.at++;
  }

  get maxMs(): number {
    return this.ms.reduce((max, ms) => Math.max(max, ms), 0);
  }

  get count(): number {
    return this.ms.length;
  }
}

describe('the walk over a list and a hash that are changed meanwhile', () => {
  let rig: RewriteRig;
  const timed = (stretches: Stretches, act: () => void) => {
    const from = performance.now();
    act();
    stretches.note(performance.now() - from);
  };
  /** Time goes on by looks alone: the same work lies between two of them in each round. */
  const walk = (looked: () => void): SnapshotReader => {
    let looks = 0;
    const clock = {
      monotonicMs: () => {
        looked();
        return looks++ / 1000;
      },
      unixMs: () => 0,
    };
    return snapshotOf(rig.store.keyspace, clock, Number.POSITIVE_INFINITY);
  };

  beforeAll(async () => {
    rig = await RewriteRig.opened(undefined, { appendonly: false });
    for (let i = 0; i < ELEMENTS; i += 1000) {
      rig.call('RPUSH', 'list', ...Array.from({ length: 1000 }, (_, n) => element(i + n)));
      rig.call('HSET', 'hash', ...Array.from({ length: 1000 }, (_, n) => [`f${i + n}`, element(i + n)]).flat());
    }
  }, TIMEOUT);

  it(
    'no stretch between two looks at the clock, no change, no begin and no end is a pause; a look comes after 64 items at most',
    () => {
      const [gaps, changes, begins, ends] = [new Stretches(), new Stretches(), new Stretches(), new Stretches()];
      let itemsMax = 0;
      let emitted = 0;
      for (let round = 0; round < ROUNDS; round++) {
        for (const stretches of [gaps, changes, begins, ends]) stretches.again();
        let items = 0;
        let last = 0;
        const looked = () => {
          itemsMax = Math.max(itemsMax, items);
          items = 0;
          const now = performance.now();
          if (last > 0) gaps.note(now - last);
          last = performance.now();
        };
        let reader: SnapshotReader | null = null;
        timed(begins, () => {
          reader = walk(looked);
        });
        const { next, end } = reader as unknown as SnapshotReader;
        let looks = 0;
        const isSpent = () => {
          looked();
          looks++;
          if (looks % LOOKS_PER_CHANGE === 0) {
            const at = (looks * 7919) % ELEMENTS;
            for (const command of [
              ['LSET', 'list', at, element(at)],
              ['HSET', 'hash', `f${at}`, element(at)],
              ['LMOVE', 'list', 'list', 'LEFT', 'RIGHT'],
            ] as Command[])
              timed(changes, () => rig.call(...command));
            last = performance.now();
          }
          return false;
        };
        while (
          !next(
            (_db, ...argv) => {
              items += argv.length - 2;
              emitted += argv.length - 2;
            },
            { isSpent },
          )
        );
        timed(ends, end);
      }
      console.log(
        `${ELEMENTS} elements each: ${gaps.count} stretches, the longest ${gaps.maxMs.toFixed(2)} ms; ${changes.count} changes, the longest ` +
          `${changes.maxMs.toFixed(2)} ms; begin ${begins.maxMs.toFixed(2)} ms, end ${ends.maxMs.toFixed(2)} ms`,
      );
      expect(emitted).toBe(ROUNDS * 3 * ELEMENTS);
      expect(changes.count).toBeGreaterThan(100);
      expect(itemsMax).toBeLessThanOrEqual(128);
      for (const stretches of [gaps, changes, begins, ends]) expect(stretches.maxMs).toBeLessThan(PAUSE_MAX_MS);
    },
    TIMEOUT,
  );

  const wholes: [string, Command[]][] = [
    ['DEL', [['DEL', 'list:copy', 'hash:copy']]],
    ['UNLINK', [['UNLINK', 'list:copy', 'hash:copy']]],
    [
      'expiry',
      [
        ['PEXPIRE', 'list:copy', 1],
        ['GET', 'nothing'],
        ['LLEN', 'list:copy'],
      ],
    ],
    ['RENAME', [['RENAME', 'list:copy', 'list:renamed']]],
    [
      'overwriting',
      [
        ['SET', 'list:copy', 'x'],
        ['SET', 'hash:copy', 'x'],
      ],
    ],
    [
      'COPY',
      [
        ['COPY', 'list:copy', 'list:other', 'REPLACE'],
        ['COPY', 'hash:copy', 'hash:other', 'REPLACE'],
      ],
    ],
    ['FLUSHALL', [['FLUSHALL']]],
  ];

  it.each(wholes)(
    '%s in the middle of the walk takes no longer than without it, and nothing afterwards does',
    (name, commands) => {
      const [alone, during, gaps, ends] = [new Stretches(), new Stretches(), new Stretches(), new Stretches()];
      // FLUSHALL takes what is copied from as well.
      const prepare = () => {
        rig.call('SELECT', 0);
        for (const key of ['list', 'hash']) {
          if (rig.call('EXISTS', key) === 0) refill(rig, key);
          rig.call('COPY', key, `${key}:copy`, 'REPLACE');
        }
      };
      const run = (stretches: Stretches) => {
        for (const command of commands) {
          if (command[0] === 'LLEN') rig.env.advance(5);
          timed(stretches, () => rig.call(...command));
        }
      };
      const rounds = name === 'FLUSHALL' ? 2 : 2 * ROUNDS;
      for (let round = 0; round < rounds; round++) {
        for (const stretches of [alone, during, gaps, ends]) stretches.again();
        const runAlone = () => {
          prepare();
          run(alone);
        };
        // Now the one first, now the other, so that a collection of garbage does not always meet the same.
        if (round % 2 === 0) runAlone();
        prepare();
        let last = 0;
        const looked = () => {
          const now = performance.now();
          if (last > 0) gaps.note(now - last);
          last = performance.now();
        };
        const { next, end } = walk(looked);
        let looks = 0;
        const isSpent = () => {
          looked();
          if (++looks === 200) {
            run(during);
            last = performance.now();
          }
          return looks > 3000;
        };
        next(() => {}, { isSpent });
        timed(ends, end);
        if (round % 2 === 1) runAlone();
      }
      console.log(
        `${name}: ${during.maxMs.toFixed(2)} ms, ${alone.maxMs.toFixed(2)} ms alone; ${gaps.count} stretches, the longest ${gaps.maxMs.toFixed(2)} ms; end ${ends.maxMs.toFixed(2)} ms`,
      );
      expect(during.maxMs).toBeLessThan(alone.maxMs + PAUSE_MAX_MS);
      expect(gaps.maxMs).toBeLessThan(PAUSE_MAX_MS);
      expect(ends.maxMs).toBeLessThan(PAUSE_MAX_MS);
    },
    TIMEOUT,
  );
});

function element(i: number): string {
  return `element ${String(i).padStart(8, '0')}`;
}

function refill(rig: RewriteRig, key: string): void {
  for (let i = 0; i < ELEMENTS; i += 1000) {
    const numbers = Array.from({ length: 1000 }, (_, n) => i + n);
    if (key === 'list') rig.call('RPUSH', key, ...numbers.map(element));
    else rig.call('HSET', key, ...numbers.flatMap((n) => [`f${n}`, element(n)]));
  }
}

describe.runIf(isLongRun)(`turns of the event loop, backend ${backendUnderTest()}`, () => {
  /** The longest turn in which one change of each collection is made, with a rewrite or for as long as it took. */
  async function longestTurn(
    db: Awaited<ReturnType<typeof open>>,
    rewrite: boolean,
    turns: number,
  ): Promise<{ ms: number; turns: number }> {
    let isOver = !rewrite;
    const rewriting = rewrite ? db.rewrite().finally(() => (isOver = true)) : Promise.resolve();
    let ms = 0;
    let n = 0;
    for (let last = performance.now(); rewrite ? !isOver : n < turns; n++) {
      const at = (n * 7919) % ELEMENTS;
      db.call('LSET', 'list', String(at), element(at));
      db.call('HSET', 'hash', `f${at}`, element(at));
      await new Promise((resolve) => setImmediate(resolve));
      const now = performance.now();
      ms = Math.max(ms, now - last);
      last = now;
    }
    await rewriting;
    return { ms, turns: n };
  }

  it(
    'with a rewrite are no longer than without one, by 5 ms',
    async () => {
      const options = { dir: tempDir('pauses'), backend: backendUnderTest(), autoAofRewritePercentage: 0 } as const;
      const db = await open(options);
      for (let i = 0; i < ELEMENTS; i += 1000) {
        db.call('RPUSH', 'list', ...Array.from({ length: 1000 }, (_, n) => element(i + n)));
        db.call('HSET', 'hash', ...Array.from({ length: 1000 }, (_, n) => [`f${i + n}`, element(i + n)]).flat());
        if (!db.writable) await db.synced();
      }
      let best = Number.POSITIVE_INFINITY;
      // A process that is off its processor looks like one that pauses: a pause of ours comes in every attempt.
      for (let attempt = 0; attempt < 5 && best >= PAUSE_MAX_MS; attempt++) {
        const under = await longestTurn(db, true, 0);
        const control = await longestTurn(db, false, under.turns);
        console.log(
          `longest of ${under.turns} turns: ${under.ms.toFixed(1)} ms in a rewrite, ${control.ms.toFixed(1)} ms without`,
        );
        best = Math.min(best, under.ms - control.ms);
      }
      expect(best).toBeLessThan(PAUSE_MAX_MS);
      await db.close();
      removeTempDirs();
    },
    TIMEOUT,
  );
});
