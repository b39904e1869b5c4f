/** What the runs of the call sweep begin with, and which faults they meet. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { formatLockEntry, lockFileName } from '../../../src/aof/lock/lock-file.js';
import { createNodeEnv } from '../../../src/env/node-env.js';
import type { BackendChoice } from '../everysec-server.js';
import { encodeCommand } from '../resp-client.js';
import { CALL_KINDS, type CallKind, type FaultAction, type FaultRule } from './fault-rules.js';
import { fillerOf } from './recovered-store.js';
import type { OperationKind } from './sweep-journal.js';
import type { SweepJob } from './sweep-runner.js';

export const SCENES = ['life', 'roll', 'switch', 'upgrade', 'torn', 'rewrite', 'rewrite and roll'] as const;
export type SceneName = (typeof SCENES)[number];

export interface Scene {
  readonly name: SceneName;
  /** Copied for each run. */
  readonly template: string;
  /** The operations that it holds. */
  readonly before: readonly number[];
  readonly kinds: ReadonlyMap<number, OperationKind>;
  /** Besides the fault of the sweep. */
  readonly standing: FaultRule | null;
}

export interface SweptFault {
  readonly kinds: readonly CallKind[];
  readonly action: FaultAction;
  /** Whether every call from the nth on meets it. */
  readonly isSticky: boolean;
  readonly mode: SweepJob['mode'];
}

/** Calls that change something: a kill between any two of them is a state of its own. */
const CHANGING = CALL_KINDS.filter((kind) => kind !== 'read' && kind !== 'close');

const ERRNOS: Readonly<Partial<Record<CallKind, readonly string[]>>> = {
  write: ['EIO', 'ENOSPC', 'EINTR'],
  fdatasync: ['EIO', 'ENOSPC', 'EINTR'],
  fsync: ['EIO', 'ENOSPC'],
  dirsync: ['EIO'],
  open: ['EMFILE', 'EACCES', 'ENOSPC'],
  rename: ['EIO', 'ENOSPC'],
  truncate: ['EIO'],
  unlink: ['EIO'],
  mkdir: ['ENOSPC'],
  close: ['EIO'],
  read: ['EIO'],
};

export function sweptFaults(): SweptFault[] {
  const faults: SweptFault[] = [];
  const add = (kinds: readonly CallKind[], action: FaultAction, isSticky: boolean, mode: SweepJob['mode']) => {
    faults.push({ kinds, action, isSticky, mode });
  };
  for (const kind of CALL_KINDS) {
    for (const errno of ERRNOS[kind] ?? []) {
      const action = { do: 'fail', errno } as const;
      add([kind], action, false, 'once');
      // An interrupted call is made again, for ever if it must be.
      if (errno === 'EINTR' || kind === 'close') continue;
      add([kind], action, true, 'heal');
      add([kind], action, true, 'stuck');
    }
  }
  for (const bytes of [-1, 1]) {
    add(['write'], { do: 'short', bytes }, false, 'once');
    add(['write'], { do: 'torn', bytes }, false, 'once');
  }
  add(['write'], { do: 'short', bytes: -1 }, true, 'heal');
  add(CHANGING, { do: 'kill before' }, false, 'once');
  add(CHANGING, { do: 'kill after' }, false, 'once');
  add(['write', 'fdatasync', 'fsync', 'dirsync'], { do: 'delay', ms: 30 }, false, 'once');
  return faults;
}

export function describeFault({ kinds, action, isSticky, mode }: SweptFault): string {
  const what = kinds.length > 2 ? 'any call' : kinds.join('+');
  const how = action.do === 'fail' ? action.errno : 'bytes' in action ? `${action.do} ${action.bytes}` : action.do;
  return `${what} ${how}${isSticky ? ` from there on (${mode})` : ''}`;
}

export async function makeScene(name: SceneName, directory: string, backend: BackendChoice): Promise<Scene> {
  const template = join(directory, name);
  rmSync(template, { recursive: true, force: true });
  mkdirSync(template, { recursive: true });
  const kinds = new Map<number, OperationKind>();
  const scene = { name, template, kinds, before: [] as number[], standing: null };
  if (name === 'upgrade') {
    makeOldFile(template);
    leaveStaleLock(join(template, 'appendonlydir'));
    return { ...scene, before: [0, 1] };
  }
  if (name === 'torn') {
    await makeTorn(template, backend);
    leaveStaleLock(join(template, 'appendonlydir'));
    return { ...scene, before: [0, 1], kinds: kinds.set(1, 'unit') };
  }
  if (name === 'rewrite and roll') {
    // The first file that begins at a cut: its first sync fails while the base is being written, or right after.
    const action = { do: 'fail', errno: 'EIO' } as const;
    return { ...scene, standing: { kinds: ['fdatasync'], part: '.2.incr.', first: 1, last: 1, action } };
  }
  if (name === 'roll') {
    const action = { do: 'fail', errno: 'EIO' } as const;
    return { ...scene, standing: { kinds: ['fdatasync'], part: '.incr.', first: 2, last: 2, action } };
  }
  return scene;
}

/** Redis's file from before 7.0. */
function makeOldFile(dir: string): void {
  const records = [
    ['SELECT', '0'],
    ['APPEND', 'log', '0,'],
    ['APPEND', 'log', '1,'],
  ];
  writeFileSync(join(dir, 'appendonly.aof'), Buffer.concat(records.map((record) => encodeCommand(record))));
}

/** Of a process that is no more. */
function leaveStaleLock(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { self } = createNodeEnv().processes;
  const pid = 0x3ffffe;
  const entry = formatLockEntry({ ...self, pid, startTime: '1', state: 'holder', isFlocked: false });
  writeFileSync(join(directory, lockFileName('appendonly.aof', pid, '0123456789abcdef')), entry);
}

/** Two operations that count and a third that was not whole when the power went. */
async function makeTorn(template: string, backend: BackendChoice): Promise<void> {
  const { open } = createRequire(join(process.cwd(), 'package.json'))(
    './dist/cjs/index.js',
  ) as typeof import('../../../src/index.js');
  const live = `${template}-live`;
  rmSync(live, { recursive: true, force: true });
  const store = await open({ dir: live, backend, appendfsync: 'always' });
  store.append('log', '0,');
  await store.synced();
  store.multi((tx) => {
    tx.set('u:1:a', fillerOf(1, 'unit'));
    tx.append('log', '1,');
    tx.set('u:1:b', fillerOf(1, 'unit'));
  });
  await store.synced();
  store.append('log', '2,');
  await store.synced();
  cpSync(live, template, { recursive: true });
  await store.close();
  rmSync(live, { recursive: true });
  const directory = join(template, 'appendonlydir');
  for (const file of readdirSync(directory)) {
    const path = join(directory, file);
    if (file.includes('.lock.')) rmSync(path);
    else if (file.endsWith('.incr.aof')) truncateSync(path, readFileSync(path).length - 5);
  }
}
