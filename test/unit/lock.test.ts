/**
 * One writer per AOF directory. Most situations are made of lock files written by hand, for processes that the test says
 * run or do not; the races are seeded simulations, and real child processes at the end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { acquireDirectoryLock, type LockOptions } from '../../src/aof/lock/directory-lock.js';
import { livenessOf } from '../../src/aof/lock/liveness-policy.js';
import { formatLockEntry, type LockEntry, parseLockEntry } from '../../src/aof/lock/lock-file.js';
import type { ProcessIdentity } from '../../src/env/env.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { type BackendChoice, backendUnderTest } from '../support/everysec-server.js';
import { MemoryFiles } from '../support/memory-files.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';
import { OpenerWorld } from '../support/simulated-openers.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

afterEach(removeTempDirs);

const SELF: ProcessIdentity = { pid: 7, startTime: '70', bootId: 'boot', pidNamespace: 'ns' };
const HOLDER: LockEntry = { pid: 9, startTime: '90', bootId: 'boot', pidNamespace: 'ns', state: 'holder', isFlocked: false };

/** `running`: start time of process 9. Time passes only in pauses. */
function optionsFor(files: MemoryFiles, running: string | null, more: Partial<LockOptions> = {}): LockOptions {
  let nowMs = 0;
  let nonce = 0;
  const after = (ms: number, run: () => void) => {
    nowMs += ms;
    setImmediate(run);
    return { cancel: () => undefined };
  };
  return {
    env: {
      files,
      processes: {
        self: SELF,
        startTimeOf: (pid) => (pid === SELF.pid ? SELF.startTime : pid === HOLDER.pid ? running : null),
        onExit: () => () => undefined,
      },
      clock: { monotonicMs: () => nowMs, unixMs: () => nowMs },
      timers: { after, every: after, endOfTurn: (run) => run() },
      randomHex: (bytes) => (nonce++).toString(16).padStart(bytes * 2, '0'),
    },
    directory: '/d',
    appendfilename: 'a',
    ...more,
  };
}

function filesWith(entry: LockEntry | string): MemoryFiles {
  const files = new MemoryFiles('/d');
  files.put('/d/a.lock.9-x', typeof entry === 'string' ? entry : formatLockEntry(entry));
  return files;
}

describe('taking the directory', () => {
  it('leaves one file that says who holds it, and releasing removes it', async () => {
    const files = new MemoryFiles('/d');
    const lock = await acquireDirectoryLock(optionsFor(files, null));
    expect(files.paths()).toEqual(['/d', lock.path]);
    expect(parseLockEntry(files.content(lock.path) ?? '')).toEqual({ ...SELF, state: 'holder', isFlocked: false });
    await lock.release();
    expect(files.paths()).toEqual(['/d']);
  });

  it('never shows a file that is half written or not durable', async () => {
    const files = new MemoryFiles('/d');
    await acquireDirectoryLock(optionsFor(files, null));
    const steps = files.operations.map((operation) => operation.split(' ')[0]).filter((step) => step !== 'readdir');
    const announce = ['open:create', 'write', 'datasync', 'close', 'rename'];
    expect(steps).toEqual([...announce, ...announce]);
  });

  it('is refused while its holder lives, with the pid and the file in the message, and nothing of ours stays', async () => {
    const files = filesWith(HOLDER);
    const opening = acquireDirectoryLock(optionsFor(files, '90'));
    await expect(opening).rejects.toMatchObject({
      code: 'AOF_LOCKED',
      path: '/d/a.lock.9-x',
      message: expect.stringMatching(/in use by process 9.*remove \/d\/a\.lock\.9-x/),
    });
    expect(files.paths()).toEqual(['/d', '/d/a.lock.9-x']);
  });

  it.each([
    ['whose process is gone', HOLDER, null],
    ['whose pid belongs to a later process', HOLDER, '91'],
    ['of an earlier boot', { ...HOLDER, bootId: 'before' }, '90'],
    ['who died as a candidate', { ...HOLDER, state: 'candidate' as const }, null],
  ])('the file of a holder %s is removed', async (_, entry, running) => {
    const files = filesWith(entry);
    const lock = await acquireDirectoryLock(optionsFor(files, running));
    expect(files.paths()).toEqual(['/d', lock.path]);
  });

  it('a second open in the same process is refused', async () => {
    const files = new MemoryFiles('/d');
    const options = optionsFor(files, null);
    await acquireDirectoryLock(options);
    await expect(acquireDirectoryLock(options)).rejects.toThrow('process 7');
  });

  it('another appendfilename in the same directory is another lock', async () => {
    const files = new MemoryFiles('/d');
    await acquireDirectoryLock(optionsFor(files, null));
    await acquireDirectoryLock(optionsFor(files, null, { appendfilename: 'b' }));
    expect(files.paths()).toHaveLength(3);
  });

  it('a process of another name space counts as live, and the message says so', async () => {
    const files = filesWith({ ...HOLDER, pidNamespace: 'container' });
    await expect(acquireDirectoryLock(optionsFor(files, null))).rejects.toThrow(/pid name space.*remove/);
  });

  it.each([
    ['held', null, 'AOF_LOCKED'],
    ['free', { release: () => undefined }, 'acquired'],
  ])('between containers a flock that is %s decides', async (_, probe, outcome) => {
    const files = filesWith({ ...HOLDER, pidNamespace: 'container', isFlocked: true });
    const tryFileLock: LockOptions['tryFileLock'] = (path) => (path.includes('.9-x') ? probe : { release: () => undefined });
    const opening = acquireDirectoryLock(optionsFor(files, null, { tryFileLock }));
    expect(await opening.then(() => 'acquired').catch((error) => error.code)).toBe(outcome);
  });

  it('a flock on a dead one’s file is taken for another opener’s probe: tried again until it is over', async () => {
    const files = filesWith({ ...HOLDER, isFlocked: true });
    let probes = 0;
    const tryFileLock: LockOptions['tryFileLock'] = (path) =>
      path.includes('.9-x') && probes++ < 3 ? null : { release: () => undefined };
    await acquireDirectoryLock(optionsFor(files, null, { tryFileLock }));
    expect(probes).toBe(4);
  });

  it('a backend without flock says so in the file', async () => {
    const files = new MemoryFiles('/d');
    const lock = await acquireDirectoryLock(optionsFor(files, null, { tryFileLock: () => 'unavailable' }));
    expect(parseLockEntry(files.content(lock.path) ?? '')?.isFlocked).toBe(false);
  });

  it.each(['', '{"pid":', '{"pid":9}', 'x'.repeat(5000)])(
    'a lock file that nobody of ours wrote refuses, and stays: %.20s',
    async (text) => {
      const files = filesWith(text);
      await expect(acquireDirectoryLock(optionsFor(files, null))).rejects.toThrow('remove /d/a.lock.9-x');
      expect(files.content('/d/a.lock.9-x')).toBe(text);
    },
  );

  it('a candidate that never decides is waited for about three seconds', async () => {
    const files = filesWith({ ...HOLDER, state: 'candidate' });
    const options = optionsFor(files, '90');
    await expect(acquireDirectoryLock(options)).rejects.toThrow('opened over and over by process 9');
    expect(options.env.clock.monotonicMs()).toBeGreaterThanOrEqual(3000);
    expect(options.env.clock.monotonicMs()).toBeLessThan(3100);
    expect(files.paths()).toEqual(['/d', '/d/a.lock.9-x']);
  });

  it('half-written files of openers that died are swept away', async () => {
    const files = new MemoryFiles('/d');
    files.put('/d/temp-a.lock.9-y', '{"pid');
    const lock = await acquireDirectoryLock(optionsFor(files, null));
    expect(files.paths()).toEqual(['/d', lock.path]);
  });

  it('a failure at any operation is a typed error and leaves nothing behind', async () => {
    const whole = new MemoryFiles('/d');
    await acquireDirectoryLock(optionsFor(whole, null));
    for (let at = 0; at < whole.operations.length; at++) {
      const files = new MemoryFiles('/d');
      files.failAt(at, 'EACCES');
      await expect(acquireDirectoryLock(optionsFor(files, null))).rejects.toMatchObject({ code: expect.stringMatching(/^AOF_/) });
      expect(files.paths()).toEqual(['/d']);
    }
  });

  it('a directory that is missing is an error at once', async () => {
    const options = optionsFor(new MemoryFiles(), null);
    await expect(acquireDirectoryLock(options)).rejects.toMatchObject({ code: 'AOF_IO' });
    expect(options.env.clock.monotonicMs()).toBe(0);
  });
});

describe('liveness', () => {
  it('without /proc a running pid lives', () => {
    const unknown = { startTime: '', bootId: '', pidNamespace: '' };
    const facts = { self: { pid: 7, ...unknown }, startTime: '', isFlocked: null };
    expect(livenessOf({ ...HOLDER, ...unknown }, facts)).toBe('live');
    expect(livenessOf({ ...HOLDER, ...unknown }, { ...facts, startTime: null })).toBe('dead');
  });

  it('a flock that is held outweighs a pid that does not run', () => {
    expect(livenessOf({ ...HOLDER, bootId: 'other' }, { self: SELF, startTime: null, isFlocked: true })).toBe('live');
  });
});

describe('races', () => {
  const seed = testSeed();

  it(`of 8 openers never two win, and one does, also when holders and candidates die (seed ${seed})`, async () => {
    for (let round = 0; round < 200; round++) {
      const source = new Random(seed + round);
      const random = (below: number) => source.below(below);
      const world = new OpenerWorld(random);
      const holders = new Set<number>();
      const outcomes: string[] = [];
      // Somebody was there before, and died.
      world.files.put('/d/a.lock.900-x', formatLockEntry({ ...HOLDER, pid: 900, isFlocked: round % 2 === 0 }));
      for (let pid = 1; pid <= 8; pid++) {
        const self = { ...SELF, pid, startTime: String(pid) };
        world.open(self, random(2) === 0).then(
          () => {
            if (!world.isRunning(pid)) return;
            holders.add(pid);
            outcomes.push('held');
          },
          (error) => outcomes.push(error.code),
        );
      }
      let victims = random(4);
      await world.run(() => {
        for (const pid of holders) if (!world.isRunning(pid)) holders.delete(pid);
        if (holders.size > 1) throw new Error(`${[...holders]} hold it together: seed ${seed}, round ${round}`);
        if (victims > 0 && random(40) === 0) {
          victims--;
          world.kill(1 + random(8));
        }
      });
      const said = `seed ${seed}, round ${round}: ${outcomes}`;
      expect(
        outcomes.filter((outcome) => outcome !== 'held' && outcome !== 'AOF_LOCKED'),
        said,
      ).toEqual([]);
      // Who was killed before it was answered may have been the one that held it.
      if (outcomes.length === 8) expect(outcomes, said).toContain('held');
      // What the dead left behind goes with the next one that opens.
      for (const pid of [1, 2, 3, 4, 5, 6, 7, 8]) world.kill(pid);
      const last = world.open({ ...SELF, pid: 99, startTime: '99' }, true);
      await world.run(() => undefined);
      expect(world.lockFiles(), said).toEqual([(await last).path]);
    }
  });

  it('of 8 real processes never two win, with any mix of backends, also right after the holder was killed', async () => {
    const directory = tempDir('lock');
    // Without the addon an opener knows the dead by their pids alone.
    const backends = backendUnderTest() === 'native' ? (['native', 'fallback'] as const) : (['fallback'] as const);
    const openers = await Promise.all(Array.from({ length: 8 }, (_, n) => startOpener(directory, backends[n % backends.length])));
    const rounds = sized(40, 200);
    let kills = 0;
    try {
      for (let round = 0; round < rounds; round++) {
        const said = await Promise.all(openers.map((opener) => opener.ask('open')));
        const winner = said.indexOf('held');
        expect(said.filter((line) => line === 'held').length, `round ${round}: ${said}`).toBe(1);
        expect(said.filter((line) => line === 'AOF_LOCKED').length, `round ${round}: ${said}`).toBe(7);
        if (round % 10 !== 9) {
          await openers[winner]?.ask('release');
          expect(readdirSync(directory)).toEqual([]);
          continue;
        }
        // The next opener finds what a dead one left.
        await openers[winner]?.kill();
        kills += 1;
        openers[winner] = await startOpener(directory, backends[winner % backends.length]);
      }
      expect(kills).toBe(rounds / 10);
    } finally {
      for (const opener of openers) await opener.kill();
    }
  }, 120_000);

  it('the real environment knows a process that was killed', async () => {
    const directory = tempDir('lock');
    const opener = await startOpener(directory, 'fallback');
    expect(await opener.ask('open')).toBe('held');
    const options: LockOptions = { env: createNodeEnv(), directory, appendfilename: 'a' };
    await expect(acquireDirectoryLock(options)).rejects.toThrow(`process ${opener.pid}`);
    await opener.kill();
    const lock = await acquireDirectoryLock(options);
    expect(readdirSync(directory)).toHaveLength(1);
    await lock.release();
    expect(readdirSync(directory)).toEqual([]);
  });
});

interface Opener {
  readonly pid: number | undefined;
  ask(line: 'open' | 'release'): Promise<string>;
  kill(): Promise<void>;
}

/** A process of its own, that opens and releases when it is asked to. */
async function startOpener(directory: string, backend: BackendChoice = 'fallback'): Promise<Opener> {
  const script = join(__dirname, '../support/lock-opener.mjs');
  const child = spawn(process.execPath, [script, directory, backend], { stdio: ['pipe', 'pipe', 'inherit'] });
  const next = lineReader(child);
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await next();
  return {
    pid: child.pid,
    ask(line) {
      child.stdin.write(`${line}\n`);
      return next();
    },
    kill() {
      child.kill('SIGKILL');
      return gone;
    },
  };
}

/** A function that resolves with the child's next line. */
function lineReader(child: ChildProcess): () => Promise<string> {
  const lines: string[] = [];
  const waiting: Array<(line: string) => void> = [];
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    for (const line of parts) {
      const take = waiting.shift();
      if (take === undefined) lines.push(line);
      else take(line);
    }
  });
  return () => {
    const line = lines.shift();
    return line === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(line);
  };
}
