/**
 * Kill and power loss at every file operation of a rewrite, on a simulated disk, under writes that are acknowledged on the way; and a
 * fault at every operation, once. Each image is started from: everything acknowledged is there, nothing is there twice, what is
 * there is a prefix, no file is left over; what is appended then survives the next kill.
 *
 * A unit is MULTI, INCR n, RPUSH seq <number>, EXEC, in two databases in turn: a gap, a double or half a unit shows in seq and n.
 */
import { describe, expect, it } from 'vitest';
import type { ConfigOptions } from '../../src/config/option-names.js';
import { AOF_DIR, baseAlone, loadOf, MANIFEST, RewriteRig } from '../support/rewrite-rig.js';
import { sized } from '../support/seeded-random.js';
import type { Image } from '../support/sim/image.js';
import { SimFiles } from '../support/sim/sim-files.js';

/** Of a power loss at one operation. */
const IMAGES_MAX = sized(8, 60);
/** Besides, for names that were not met together. */
const LOOKED_AT = 40;
const FIXED = 120;
const OPTIONS: ConfigOptions = { autoAofRewritePercentage: 0, appendfsync: 'always' };

interface Found {
  readonly image: Image;
  readonly where: string;
  /** Units acknowledged at the latest moment with this image, and sent at the earliest. */
  acked: number;
  sent: number;
  /** appendonly was not on yet: nothing may be there, too. */
  readonly mayBeNothing: boolean;
  /** At the latest moment. */
  syncedLsn: number;
}

class Scene {
  readonly images = new Map<string, Found>();
  operations = 0;
  private readonly namesSeen = new Set<string>();
  private readonly lsns: number[] = [];
  private isOn: boolean;

  private constructor(readonly rig: RewriteRig) {
    this.isOn = rig.store.engine.isEnabled;
  }

  static async open(options: ConfigOptions = OPTIONS, files?: SimFiles): Promise<Scene> {
    const rig = await RewriteRig.opened(files, options);
    const scene = new Scene(rig);
    // An operation takes a turn, so that writes come in between any two of them.
    rig.files.pace = aTurn;
    for (let i = 0; i < FIXED; i++) {
      rig.call('SELECT', i % 2);
      rig.call('SET', `fixed:${i}`, `v${i}`);
      rig.call('RPUSH', 'fixed:list', i);
      rig.call('HSET', 'fixed:hash', `f${i}`, i);
    }
    scene.unit();
    scene.unit();
    await rig.synced();
    return scene;
  }

  get sent(): number {
    return this.lsns.length;
  }

  get acked(): number {
    if (!this.isOn) return 0;
    const { syncedLsn } = this.rig.store.engine;
    return this.lsns.filter((lsn) => lsn <= syncedLsn).length;
  }

  unit(): void {
    const { rig } = this;
    if (rig.store.engine.refusal !== null) return;
    // In turn, so that a unit may begin in the database in which the one before ended.
    const inTurn = this.sent % 2 === 0 ? [0, 1] : [1, 0];
    rig.call('MULTI');
    for (const db of inTurn) {
      rig.call('SELECT', db);
      if (db === 1) rig.call('SET', 'last', this.sent + 1);
      if (db === 0) rig.call('INCR', 'n');
      if (db === 0) rig.call('RPUSH', 'seq', this.sent + 1);
    }
    rig.call('EXEC');
    this.lsns.push(rig.lsn);
  }

  /** From here on every state that a crash may leave is kept, until stop(). */
  watch(imagesMax = IMAGES_MAX): void {
    const { files } = this.rig;
    files.onEffect = (operation) => {
      if (operation.op === 'begin') return;
      this.operations++;
      const where = `${this.operations} ${operation.op} ${'path' in operation ? operation.path : ''}`;
      this.keep(files.disk.liveImage('killed'), where);
      let left = imagesMax;
      for (const image of files.crashStates({ imagesMax: imagesMax + LOOKED_AT, seed: this.operations })) {
        // Of what is only another state of the same files some; of names and manifests that were not met together before all.
        const names = `${[...image.tree.keys()].join(' ')} ${image.bytes(MANIFEST)?.toString() ?? ''}`;
        if (left-- <= 0 && this.namesSeen.has(names)) continue;
        this.namesSeen.add(names);
        this.keep(image, where);
      }
    };
  }

  stop(): void {
    this.rig.files.onEffect = () => undefined;
  }

  /** appendonly was switched on, and that was answered. */
  switchedOn(): void {
    this.isOn = true;
  }

  async rewrite(signal?: AbortSignal): Promise<string> {
    let turn = 0;
    const between = () => {
      if (turn++ % 2 === 0 && turn < 60) this.unit();
    };
    return this.rig.drive(this.rig.store.engine.rewrite(signal), between, 4);
  }

  /** Until the log is well again. */
  async settle(): Promise<void> {
    for (let i = 0; i < 200 && this.rig.store.engine.state === 'degraded'; i++) await this.rig.step(50);
    expect(this.rig.store.engine.state).toBe('ready');
  }

  private keep(image: Image, where: string): void {
    const { acked, sent } = this;
    const mayBeNothing = !this.isOn;
    const key = `${image.hash} ${mayBeNothing}`;
    const known = this.images.get(key);
    const { syncedLsn } = this.rig.store.engine;
    if (known === undefined) this.images.set(key, { image, where, acked, sent, mayBeNothing, syncedLsn });
    else Object.assign(known, { acked: Math.max(known.acked, acked), syncedLsn: Math.max(known.syncedLsn, syncedLsn) });
  }

  /** Every image is started from. Returns how many there were. */
  async recoverAll(): Promise<number> {
    let n = 0;
    for (const found of this.images.values()) await recover(SimFiles.afterPowerLoss(found.image), found, n++ % 10 === 0);
    return n;
  }
}

function aTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** What a start finds is right, nothing is left over, and what is appended to it survives a kill. */
async function recover(
  files: SimFiles,
  found: Omit<Found, 'image' | 'syncedLsn'> & Partial<Found>,
  withRewrite: boolean,
): Promise<void> {
  const what = `at ${found.where}: ${found.image?.toString() ?? 'live'}`;
  const rig = await RewriteRig.opened(files, OPTIONS).catch((error: Error) => {
    throw new Error(`${what}\n${error.message}`, { cause: error });
  });
  const units = unitsOf(rig, what);
  if (units > 0 || !found.mayBeNothing) {
    expect(units, what).toBeGreaterThanOrEqual(found.acked);
    expect(units, what).toBeLessThanOrEqual(found.sent);
    expectFixed(rig, what);
  }
  expect(
    rig.leftovers().filter((path) => !path.includes('.corrupt-')),
    what,
  ).toEqual([]);
  if (withRewrite) expect(await rig.drive(rig.store.engine.rewrite(), undefined, 4), what).toBe('resolved');
  rig.call('SELECT', 0);
  rig.call('MULTI');
  rig.call('INCR', 'n');
  rig.call('RPUSH', 'seq', units + 1);
  rig.call('EXEC');
  expect(await rig.synced(), what).toBe('resolved');
  const again = await RewriteRig.opened(rig.files.afterKill(), OPTIONS);
  expect(unitsOf(again, `${what}, again`), what).toBe(units + 1);
  if (units > 0) expectFixed(again, `${what}, again`);
}

function unitsOf(rig: RewriteRig, what: string): number {
  rig.call('SELECT', 0);
  const numbers = rig.call('LRANGE', 'seq', 0, -1) as string[];
  expect(numbers, what).toEqual(numbers.map((_, i) => String(i + 1)));
  expect(Number(rig.call('GET', 'n') ?? 0), what).toBe(numbers.length);
  return numbers.length;
}

function expectFixed(rig: RewriteRig, what: string): void {
  for (const db of [0, 1]) {
    rig.call('SELECT', db);
    expect([rig.call('LLEN', 'fixed:list'), rig.call('HLEN', 'fixed:hash'), rig.call('DBSIZE')], what).toEqual([
      FIXED / 2,
      FIXED / 2,
      FIXED / 2 + 2 + (db === 0 ? 2 : 1),
    ]);
    expect(rig.call('GET', `fixed:${db + 10}`), what).toBe(`v${db + 10}`);
  }
}

const TIMEOUT = 120_000;

describe('a crash at every operation of', () => {
  const tell = (what: string, scene: Scene, images: number) =>
    console.log(`${what}: ${scene.operations} operations, ${images} distinct images, ${scene.sent} units`);

  it(
    'a rewrite leaves the old generation or the new one',
    async () => {
      const scene = await Scene.open();
      scene.watch();
      expect(await scene.rewrite()).toBe('resolved');
      await scene.rig.synced();
      scene.stop();
      expect(scene.rig.files.content(`${AOF_DIR}/appendonly.aof.2.base.aof`)).not.toBeNull();
      const images = await scene.recoverAll();
      expect(images).toBeGreaterThan(50);
      tell('rewrite', scene, images);
    },
    TIMEOUT,
  );

  it(
    'two rewrites that growth asked for',
    async () => {
      const scene = await Scene.open({ ...OPTIONS, autoAofRewritePercentage: 20, autoAofRewriteMinSize: 1 });
      const { cuts, store } = scene.rig;
      scene.watch(sized(2, 60));
      for (let i = 0; cuts.length < 2 || store.engine.isRewriting; i++) {
        if (i > 2000) throw new Error(`${cuts.length} rewrites by growth\n${scene.rig.env.logged.slice(-9).join('\n')}`);
        if (i % 3 === 0 && cuts.length < 2) scene.unit();
        await scene.rig.step(10);
      }
      scene.stop();
      tell('rewrite by growth', scene, await scene.recoverAll());
    },
    TIMEOUT,
  );

  it.each([
    ['between the cut and its manifest', 'cut', /^datasync .*\.1\.incr/],
    ['during the walk', 'walk', /^datasync .*\.2\.incr/],
  ] as const)(
    'a rewrite with a roll %s',
    async (_, when, operation) => {
      const scene = await Scene.open();
      let lsnAtCut = 0;
      scene.rig.onCut = () => {
        if (when === 'cut') scene.unit();
        lsnAtCut = scene.rig.lsn;
        scene.rig.files.failNext(operation, 'EIO');
      };
      scene.watch(sized(4, 60));
      expect(await scene.rewrite()).toBe('resolved');
      // The file that begins at the cut, though the roll took the one that was made for it.
      if (when === 'cut') expect(scene.rig.files.content(MANIFEST)).toContain(`3.incr.aof seq 3 type i lsn ${lsnAtCut} sum 1\n`);
      await scene.settle();
      await scene.rig.synced();
      scene.stop();
      expect(scene.rig.env.logged.some((line) => line.includes('after an error'))).toBe(true);
      tell('rewrite and roll', scene, await scene.recoverAll());
    },
    TIMEOUT,
  );

  it(
    'a rewrite that is given up, and the next one',
    async () => {
      const scene = await Scene.open();
      scene.watch(sized(3, 60));
      const abort = new AbortController();
      let turns = 0;
      const given = await scene.rig.drive(scene.rig.store.engine.rewrite(abort.signal), () => {
        if (scene.rig.cuts.length > 0 && ++turns === 2) abort.abort();
      });
      expect(given).toBe('AOF_ABORTED');
      expect(await scene.rewrite()).toBe('resolved');
      scene.stop();
      tell('given up, and the next', scene, await scene.recoverAll());
    },
    TIMEOUT,
  );

  it.each([
    ['rename', false],
    ['rename', true],
    ['syncDirectory', false],
    ['syncDirectory', true],
  ] as const)(
    'a rewrite after one whose manifest failed at the %s (it happened: %s)',
    async (operation, happensFirst) => {
      const scene = await Scene.open();
      const { files } = scene.rig;
      // The first manifest after the base has its name is the one that names it.
      const fail = (target: RegExp) => {
        files.failNext(target, 'EIO', { happensFirst });
        files.pace = aTurn;
      };
      let isBaseThere = false;
      files.pace = (name) => {
        isBaseThere ||= /^rename .*\.base$/.test(name);
        if (isBaseThere && operation === 'rename' && name.startsWith('write ') && name.includes('manifest'))
          fail(/^rename .*manifest/);
        if (isBaseThere && operation === 'syncDirectory' && /^rename .*manifest/.test(name)) fail(/^syncDirectory /);
        return aTurn();
      };
      scene.watch(sized(3, 60));
      expect(await scene.rewrite()).toBe('AOF_IO');
      expect(await scene.rewrite()).toBe('resolved');
      scene.stop();
      tell('after a manifest that failed', scene, await scene.recoverAll());
    },
    TIMEOUT,
  );

  it(
    'rewrites by growth that fail again and again, until they hold back for a minute, and the one that comes then',
    async () => {
      const scene = await Scene.open({ ...OPTIONS, autoAofRewritePercentage: 1, autoAofRewriteMinSize: 1 });
      const { rig } = scene;
      const failures = () => Number(/consecutive_failures:(\d+)/.exec(String(rig.call('INFO', 'persistence')))?.[1]);
      rig.files.failNext(/^datasync .*temp/, 'EIO', { times: 4 });
      scene.watch(sized(1, 30));
      const seen: number[] = [];
      for (let i = 0; i < 4000 && (seen.at(-1) !== 0 || seen.length < 5); i++) {
        if (i % 4 === 0 && scene.sent < 60) scene.unit();
        await rig.step(seen.at(-1) === 3 || seen.at(-1) === 4 ? 1000 : 10);
        if (failures() !== seen.at(-1)) seen.push(failures());
      }
      scene.stop();
      expect(seen.slice(-5)).toEqual([1, 2, 3, 4, 0]);
      expect(rig.env.logged.filter((line) => line.includes('will retry in')).map((line) => /in (\d+)/.exec(line)?.[1])).toEqual([
        '1',
        '2',
      ]);
      tell('repeated failures', scene, await scene.recoverAll());
    },
    TIMEOUT,
  );

  it(
    'the start after a crash in a rewrite',
    async () => {
      const scene = await Scene.open();
      scene.watch(sized(2, 8));
      expect(await scene.rewrite()).toBe('resolved');
      scene.stop();
      let images = 0;
      let operations = 0;
      const every = sized(12, 2);
      for (const [n, found] of [...scene.images.values()].entries()) {
        if (n % every !== 0) continue;
        const files = SimFiles.afterPowerLoss(found.image);
        const again = new Map<string, Image>();
        files.onEffect = (operation) => {
          if (operation.op === 'begin') return;
          operations++;
          for (const image of [files.disk.liveImage('killed'), ...files.crashStates({ imagesMax: 4, seed: operations })])
            again.set(image.hash, image);
        };
        await RewriteRig.opened(files, OPTIONS);
        files.onEffect = () => undefined;
        for (const image of again.values()) {
          images++;
          await recover(SimFiles.afterPowerLoss(image), { ...found, where: `${found.where}, then in the start`, image }, false);
        }
      }
      expect(images).toBeGreaterThan(20);
      console.log(`starts after a crash: ${operations} operations, ${images} images`);
    },
    TIMEOUT,
  );

  it(
    'appendonly yes at run time',
    async () => {
      const scene = await Scene.open({ ...OPTIONS, appendonly: false });
      scene.watch();
      let turn = 0;
      const outcome = await scene.rig.drive(scene.rig.store.engine.enable(), () => void (turn++ % 3 === 0 && scene.unit()), 4);
      expect(outcome).toBe('resolved');
      scene.switchedOn();
      scene.unit();
      await scene.rig.synced();
      scene.stop();
      tell('appendonly yes', scene, await scene.recoverAll());
    },
    TIMEOUT,
  );
});

describe('a fault at one operation of a rewrite', () => {
  it(
    'fails it with a typed error or is got over; the log goes on, and the next rewrite is exact',
    async () => {
      const outcomes = new Map<string, number>();
      let at = 0;
      const stride = sized(2, 1);
      for (; ; at += stride) {
        for (const happensFirst of stride === 1 ? [false, true] : [at % 4 === 0]) {
          const scene = await Scene.open();
          const { rig } = scene;
          const from = rig.files.operations.length;
          rig.files.failAt(from + at, 'EIO', happensFirst);
          const outcome = await scene.rewrite();
          const operation = rig.files.operations[from + at];
          const what = `operation ${at}, ${operation}, happened: ${happensFirst}: ${outcome}`;
          if (operation === undefined) {
            console.log(`faults at ${at} operations: ${JSON.stringify([...outcomes])}`);
            expect(at).toBeGreaterThan(40);
            return;
          }
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
          expect(outcome, what).toMatch(/^(resolved|AOF_IO|AOF_BUSY)$/);
          await scene.settle();
          scene.unit();
          expect(await rig.synced(), what).toBe('resolved');
          const { sent } = scene;
          const found = { where: what, acked: sent, sent, mayBeNothing: false };
          await recover(rig.files.afterKill(), found, false);
          for (const image of rig.files.crashStates({ imagesMax: sized(2, 20) })) {
            await recover(SimFiles.afterPowerLoss(image), { ...found, image }, false);
          }
          expect(await scene.rewrite(), `${what}, and the next`).toBe('resolved');
          await rig.synced();
          const cut = rig.cuts.at(-1);
          expect(await loadOf(baseAlone(rig.files)), what).toBe(cut?.data);
          expect(await loadOf(rig.files.afterKill()), what).toBe(rig.data());
          // A file that was made by an open() that failed is nobody's to remove: it may have been there.
          expect(
            rig.leftovers().filter((path) => rig.files.content(path) !== ''),
            what,
          ).toEqual([]);
          expect(await rig.close(), what).toBe('resolved');
        }
      }
    },
    TIMEOUT,
  );

  it('a manifest that cannot be written after the cut degrades the log, and is tried again until it can', async () => {
    const scene = await Scene.open();
    const { rig } = scene;
    rig.files.failNext(/^(write|rename) .*manifest/, 'EIO', { times: Number.POSITIVE_INFINITY });
    let states = '';
    let turns = 0;
    const running = rig.drive(
      rig.store.engine.rewrite(),
      () => {
        if (rig.store.engine.state === 'degraded') states = 'degraded';
        if (states === 'degraded' && ++turns === 60) rig.files.heal();
      },
      20,
    );
    expect(await running).toBe('resolved');
    expect([states, rig.store.engine.state]).toEqual(['degraded', 'ready']);
    scene.unit();
    expect(await rig.synced()).toBe('resolved');
    await recover(rig.files.afterKill(), { where: 'after it', acked: scene.sent, sent: scene.sent, mayBeNothing: false }, true);
  });

  it(
    'given up at any turn it leaves nothing behind, and the next one is exact',
    async () => {
      let given = 0;
      for (let at = 0; ; at += sized(3, 1)) {
        const scene = await Scene.open();
        const { rig } = scene;
        const abort = new AbortController();
        let turns = 0;
        const outcome = await rig.drive(rig.store.engine.rewrite(abort.signal), () => {
          if (turns % 3 === 0) scene.unit();
          if (turns++ === at) abort.abort();
        });
        if (outcome === 'resolved' && turns <= at) break;
        expect(outcome, `turn ${at}`).toMatch(/^(AOF_ABORTED|resolved)$/);
        if (outcome === 'AOF_ABORTED') given++;
        expect(await rig.synced(), `turn ${at}`).toBe('resolved');
        expect(rig.leftovers(), `turn ${at}`).toEqual([]);
        const found = { where: `given up at turn ${at}`, acked: scene.sent, sent: scene.sent, mayBeNothing: false };
        await recover(rig.files.afterKill(), found, at % 5 === 0);
      }
      console.log(`given up at ${given} turns`);
      expect(given).toBeGreaterThan(5);
    },
    TIMEOUT,
  );

  it(
    'no room at any write of the base: AOF_DISK_FULL, nothing left over, the log goes on, the next one is exact',
    async () => {
      let at = 0;
      for (; ; at++) {
        const scene = await Scene.open();
        const { rig } = scene;
        for (let i = 0; i < 12; i++) rig.call('SET', `large:${i}`, Buffer.alloc(300_000, 65 + i));
        expect(await rig.synced()).toBe('resolved');
        let writes = 0;
        const isDue = () => writes === at && void rig.files.failNext(/^write .*\.base$/, 'ENOSPC');
        isDue();
        // An operation has its fault before it is paced: this one is announced for the next.
        rig.files.pace = (operation) => {
          if (/^write .*\.base$/.test(operation)) {
            writes++;
            isDue();
          }
          return aTurn();
        };
        const outcome = await scene.rewrite();
        if (writes <= at) {
          expect(outcome).toBe('resolved');
          break;
        }
        expect(outcome, `write ${at}`).toBe('AOF_DISK_FULL');
        expect(rig.store.engine.state).toBe('ready');
        expect(rig.leftovers(), `write ${at}`).toEqual([]);
        rig.files.pace = aTurn;
        expect(await scene.rewrite(), `after write ${at}`).toBe('resolved');
        await rig.synced();
        expect(await loadOf(baseAlone(rig.files))).toBe(rig.cuts.at(-1)?.data);
        expect(await loadOf(rig.files.afterKill())).toBe(rig.data());
      }
      console.log(`no room at ${at} writes of a base`);
      expect(at).toBeGreaterThan(2);
    },
    TIMEOUT,
  );

  it('close() comes to an end while the cut waits for a roll that no disk lets succeed', async () => {
    const scene = await Scene.open();
    const { rig } = scene;
    rig.onCut = () => {
      scene.unit();
      rig.files.failNext(/^datasync .*incr/, 'EIO', { times: Number.POSITIVE_INFINITY });
    };
    let outcome = '';
    rig.store.engine.rewrite().then(
      () => (outcome = 'resolved'),
      (error: { code: string }) => (outcome = error.code),
    );
    for (let i = 0; i < 100; i++) await rig.step(50);
    expect([rig.cuts.length, outcome, rig.store.engine.state]).toEqual([1, '', 'degraded']);
    expect(await rig.close()).toMatch(/^AOF_/);
    expect(outcome).toMatch(/^AOF_/);
    rig.files.heal();
    await recover(
      rig.files.afterKill(),
      { where: 'after close()', acked: scene.acked, sent: scene.sent, mayBeNothing: false },
      true,
    );
  });

  it('history whose removal cannot be made durable stays in the manifest, and goes at the next start', async () => {
    const scene = await Scene.open();
    const { files } = scene.rig;
    files.pace = (operation) => {
      if (!/^unlink .*\.1\.base/.test(operation)) return aTurn();
      files.failNext(/^syncDirectory /, 'EIO');
      files.pace = aTurn;
      return aTurn();
    };
    expect(await scene.rewrite()).toBe('resolved');
    expect(files.content(MANIFEST)).toMatch(/1\.base\.aof seq 1 type h/);
    await scene.rig.synced();
    const again = await RewriteRig.opened(files.afterKill(), OPTIONS);
    expect(again.files.content(MANIFEST)).not.toContain('type h');
    expect(again.leftovers()).toEqual([]);
  });

  it('a log that rolls while the next file is opened keeps nothing from rewriting later', async () => {
    const scene = await Scene.open();
    const { rig } = scene;
    // The fault comes between the check and the synchronous step.
    rig.files.pace = (operation) => {
      if (!/^open:append .*2\.incr/.test(operation)) return;
      rig.files.pace = aTurn;
      rig.files.failNext(/^datasync .*1\.incr/, 'EIO');
      scene.unit();
      return new Promise((resolve) => setTimeout(resolve, 20));
    };
    expect(await scene.rewrite()).toBe('AOF_BUSY');
    await scene.settle();
    expect(await scene.rewrite()).toBe('resolved');
    await rig.synced();
    expect(await loadOf(rig.files.afterKill())).toBe(rig.data());
  });
});
