// What open() and enable() build on is durable: each scene is played once to see its syncs, renames and cuts, then again for each of
// them with that one failing. None may be passed over: the call rejects, and the data is there when it is tried again.
import { describe, expect, it } from 'vitest';
import { settingsFromConfig } from '../../src/aof/settings-from-config.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { Config } from '../../src/config/config.js';
import { Engine } from '../../src/engine.js';
import { ManualEnv } from '../support/manual-env.js';
import { MemoryFiles } from '../support/memory-files.js';

const AOF = '/data/appendonlydir';
const INCR = `${AOF}/appendonly.aof.1.incr.aof`;
const BASE = `${AOF}/appendonly.aof.1.base.aof`;
const MANIFEST = `${AOF}/appendonly.aof.manifest`;
const TEMP_MANIFEST = `${AOF}/temp-appendonly.aof.manifest`;
const DURABLE = /^(datasync|sync|syncDirectory|rename|truncate) /;

function engineOn(files: MemoryFiles, appendonly: boolean) {
  const env = new ManualEnv(files);
  const commands: string[] = [];
  const engine = new Engine({
    env,
    backend: guardBackend(createFallbackBackend(env)),
    settings: settingsFromConfig(Config.fromOptions({ appendonly, dir: '/data' })),
    host: {
      apply: (_, argv) => void commands.push(argv.join(' ')),
      beginSnapshot: () => ({
        next: (emit) => {
          for (const command of commands) emit(0, ...command.split(' '));
          return true;
        },
        end: () => {},
      }),
    },
    databases: 16,
  });
  return { env, engine, commands };
}

/** 'resolved', or the error's code. */
async function outcome(env: ManualEnv, promise: Promise<unknown>): Promise<string> {
  let result = '';
  promise.then(
    () => {
      result = 'resolved';
    },
    (error: { code?: string }) => {
      result = error.code ?? String(error);
    },
  );
  await env.until(() => result !== '');
  return result;
}

/** Two commands, closed in order. */
async function closedLog(): Promise<MemoryFiles> {
  const files = new MemoryFiles('/data');
  const { env, engine } = engineOn(files, true);
  await outcome(env, engine.open());
  for (const key of ['a', 'b']) engine.noteAppended(engine.propagator?.append(0, ['SET', key, '1']) ?? -1);
  await outcome(env, engine.close());
  return files;
}

const bytes = (files: MemoryFiles, path: string) => Buffer.from(files.content(path) ?? '', 'latin1');

interface Scene {
  readonly name: string;
  readonly files: () => Promise<MemoryFiles>;
  readonly commands: string[];
  /** Switched on at run time, with its commands already there. */
  readonly isEnabled?: boolean;
}

const SCENES: Scene[] = [
  { name: 'a first start', files: async () => new MemoryFiles('/'), commands: [] },
  { name: 'a start over a log that was closed', files: closedLog, commands: ['SET a 1', 'SET b 1'] },
  {
    name: 'the upgrade of an old single file',
    files: async () => {
      const files = new MemoryFiles('/data');
      files.put('/data/appendonly.aof', '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n');
      return files;
    },
    commands: ['SET a 1'],
  },
  {
    name: 'a start over a torn tail',
    files: async () => {
      const files = await closedLog();
      files.put(INCR, '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*3\r\n$3\r\nSE');
      return files;
    },
    commands: ['SET a 1'],
  },
  {
    name: 'a start over a roll that was not finished',
    files: async () => {
      const files = await closedLog();
      const whole = bytes(files, INCR);
      files.put(INCR, Buffer.concat([whole, Buffer.from('given up')]));
      const line = `file appendonly.aof.2.incr.aof seq 2 type i lsn 999\n`;
      const manifest = (files.content(MANIFEST) ?? '').replace('seq 1 type i', `seq 1 type i cut ${whole.length}`);
      files.put(MANIFEST, manifest + line);
      files.put(`${AOF}/appendonly.aof.2.incr.aof`, '');
      return files;
    },
    commands: ['SET a 1', 'SET b 1'],
  },
  { name: 'appendonly yes at run time', files: async () => new MemoryFiles('/data'), commands: ['SET a 1'], isEnabled: true },
];

async function play(scene: Scene, files: MemoryFiles): Promise<{ result: string; commands: string[] }> {
  const { env, engine, commands } = engineOn(files, scene.isEnabled !== true);
  let result = await outcome(env, engine.open());
  if (scene.isEnabled === true) {
    commands.push(...scene.commands);
    files.operations.length = 0;
    result = await outcome(env, engine.enable());
  }
  const end = [...files.operations];
  // What it leaves open would be in the way of another try.
  await outcome(env, engine.close());
  files.operations.splice(0, files.operations.length, ...end);
  return { result, commands };
}

describe.each(SCENES)('$name', (scene) => {
  it('passes over no step that was to be durable', async () => {
    const clean = await scene.files();
    clean.operations.length = 0;
    expect(await play(scene, clean)).toEqual({ result: 'resolved', commands: scene.commands });
    const steps = clean.operations.flatMap((operation, index) => (DURABLE.test(operation) ? [{ operation, index }] : []));
    expect(steps.length).toBeGreaterThan(3);
    for (const { operation, index } of steps) {
      const files = await scene.files();
      files.operations.length = 0;
      let seen = -1;
      // The n-th of its name: indexes move with the pace of promises.
      const nth = steps.filter((step) => step.operation === operation && step.index <= index).length;
      files.pace = (name) => {
        if (name !== operation || seen >= nth) return;
        seen = Math.max(seen, 0) + 1;
        if (seen === nth) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      };
      const where = `${operation}, number ${nth}`;
      expect((await play(scene, files)).result, where).toBe('AOF_IO');
      expect(seen, where).toBe(nth);
      const again = await play(scene, files);
      expect(again, `after ${where}`).toEqual({ result: 'resolved', commands: scene.commands });
    }
  });
});

/** Of the steps that make things durable or visible, those about these paths. */
function stepsOf(files: MemoryFiles, pattern: RegExp): string[] {
  return files.operations.filter(
    (operation) => (DURABLE.test(operation) || /^(open:|mkdir|unlink)/.test(operation)) && pattern.test(operation),
  );
}

describe('the order of steps', () => {
  it('of a first start: directories from the top, each durable; a file and its entry, then the manifest that names it', async () => {
    const files = new MemoryFiles('/');
    await play({ name: '', files: async () => files, commands: [] }, files);
    const steps = stepsOf(files, /data|^syncDirectory/).filter((step) => !/lock/.test(step) && !/^open:read/.test(step));
    // The first one is of the directory that was there: whoever made it may have died before that.
    expect(steps.slice(0, 5)).toEqual([
      'syncDirectory /',
      'mkdir /data',
      'syncDirectory /',
      `mkdir ${AOF}`,
      'syncDirectory /data',
    ]);
    const made = (path: string) => [`open:create ${path}`, `sync ${path}`, `syncDirectory ${AOF}`];
    const switched = [
      `open:replace ${TEMP_MANIFEST}`,
      `sync ${TEMP_MANIFEST}`,
      `rename ${TEMP_MANIFEST}`,
      `syncDirectory ${AOF}`,
    ];
    const from = steps.indexOf(`open:create ${BASE}`);
    expect(steps.slice(from, from + 14)).toEqual([...made(BASE), ...switched, ...made(INCR), ...switched]);
  });

  it('of any start: nothing is read of the directory before the lock is held', async () => {
    const files = await closedLog();
    files.operations.length = 0;
    await play(SCENES[1] as Scene, files);
    const isHeld = files.operations.findLastIndex((step) => /^rename .*temp-.*lock/.test(step));
    const isRead = files.operations.findIndex((step) => step.endsWith(MANIFEST) || step.endsWith('/data/appendonly.aof'));
    expect(isHeld).toBeGreaterThan(0);
    expect(isRead).toBeGreaterThan(isHeld);
  });

  it('of close: everything is synced, then the mark that says so, which is synced too, then the manifest; the lock goes last', async () => {
    const files = new MemoryFiles('/data');
    const { env, engine } = engineOn(files, true);
    await outcome(env, engine.open());
    engine.noteAppended(engine.propagator?.append(0, ['SET', 'a', '1']) ?? -1);
    files.operations.length = 0;
    expect(await outcome(env, engine.close())).toBe('resolved');
    const steps = files.operations
      .filter((step) => /^(write|datasync|close|unlink) /.test(step))
      .map((step) => step.split(' ')[0]);
    expect(steps).toEqual(['write', 'datasync', 'write', 'datasync', 'close', 'write', 'close', 'unlink', 'unlink']);
    expect(files.operations.filter((step) => step.startsWith('unlink')).every((step) => step.includes('lock'))).toBe(true);
  });

  it('of the upgrade: the new place is durable before the old one is empty', async () => {
    const scene = SCENES[2] as Scene;
    const files = await scene.files();
    await play(scene, files);
    const from = files.operations.indexOf('rename /data/appendonly.aof');
    expect(files.operations.slice(from, from + 3)).toEqual([
      'rename /data/appendonly.aof',
      `syncDirectory ${AOF}`,
      'syncDirectory /data',
    ]);
  });

  it('of a cut that a roll has left: cut, synced, and only then taken from the manifest', async () => {
    const scene = SCENES[4] as Scene;
    const files = await scene.files();
    files.operations.length = 0;
    await play(scene, files);
    const steps = stepsOf(files, /1\.incr|manifest$/).filter((step) => !/^open:(read|append)/.test(step));
    const from = steps.indexOf(`truncate ${INCR}`);
    expect(steps.slice(from, from + 4)).toEqual([
      `truncate ${INCR}`,
      `sync ${INCR}`,
      `open:replace ${TEMP_MANIFEST}`,
      `sync ${TEMP_MANIFEST}`,
    ]);
  });

  it('of appendonly yes: the base is synced, renamed and its entry durable before the manifest names it; then what it replaced goes', async () => {
    const old = await closedLog();
    const { env, engine, commands } = engineOn(old, false);
    await outcome(env, engine.open());
    commands.push('SET c 1');
    old.operations.length = 0;
    expect(await outcome(env, engine.enable())).toBe('resolved');
    const steps = old.operations.filter((step) => /^(datasync|rename|syncDirectory|unlink)/.test(step) && !/lock/.test(step));
    const temp = '/data/appendonlydir/temp-appendonly.aof.4242.base';
    const from = steps.indexOf(`datasync ${temp}`);
    expect(steps.slice(from)).toEqual([
      `datasync ${temp}`,
      `rename ${temp}`,
      `syncDirectory ${AOF}`,
      `rename ${TEMP_MANIFEST}`,
      `syncDirectory ${AOF}`,
      `unlink ${BASE}`,
      `unlink ${INCR}`,
      `syncDirectory ${AOF}`,
      `rename ${TEMP_MANIFEST}`,
      `syncDirectory ${AOF}`,
    ]);
    await outcome(env, engine.close());
  });
});

it('while appendonly is being switched on nothing counts before the manifest is durable', async () => {
  const files = new MemoryFiles('/data');
  const { env, engine } = engineOn(files, false);
  await outcome(env, engine.open());
  let release = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  files.pace = (operation) => (operation.startsWith(`rename ${TEMP_MANIFEST}`) ? gate : undefined);
  const enabled = engine.enable();
  await env.until(() => files.operations.includes(`rename ${TEMP_MANIFEST}`));
  const before = engine.syncedLsn;
  const lsn = engine.propagator?.append(0, ['SET', 'a', '1']) ?? -1;
  engine.noteAppended(lsn);
  const synced = outcome(env, engine.synced(lsn));
  env.advance(5000);
  await env.settle(5);
  expect([engine.syncedLsn, engine.writtenLsn]).toEqual([before, before]);
  release();
  expect([await outcome(env, enabled), await synced]).toEqual(['resolved', 'resolved']);
  expect(engine.syncedLsn).toBe(lsn);
  await outcome(env, engine.close());
});

it('a rewrite deletes what the new base stands for when the manifest that says so is durable', async () => {
  const files = await closedLog();
  const { env, engine } = engineOn(files, true);
  await outcome(env, engine.open());
  files.operations.length = 0;
  expect(await outcome(env, engine.rewrite())).toBe('resolved');
  const steps = files.operations.filter((step) => /^(rename|syncDirectory|unlink) /.test(step) && !/lock/.test(step));
  const from = steps.indexOf('rename /data/appendonlydir/temp-appendonly.aof.4242.base');
  const switched = [`rename ${TEMP_MANIFEST}`, `syncDirectory ${AOF}`];
  expect(steps.slice(from)).toEqual([
    ...['rename /data/appendonlydir/temp-appendonly.aof.4242.base', `syncDirectory ${AOF}`],
    ...switched,
    ...[`unlink ${BASE}`, `unlink ${INCR}`, `syncDirectory ${AOF}`],
    ...switched,
  ]);
  await outcome(env, engine.close());
});
