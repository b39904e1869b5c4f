/**
 * Where a run that must be exact keeps its files: the simulated disk under the TypeScript backend, or real files under the addon, whose
 * system calls a preloaded library lets fail.
 */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { createNativeBackend } from '../../src/backend/native/native-backend.js';
import type { ConfigOptions } from '../../src/config/option-names.js';
import type { Files } from '../../src/env/files.js';
import { createNodeFiles } from '../../src/env/node-files.js';
import { FaultRules } from './preload/fault-rules.js';
import { AOF_DIR, baseAlone, DIR, loadOf, RewriteRig } from './rewrite-rig.js';
import { materialize } from './sim/image.js';
import { SimFiles } from './sim/sim-files.js';

export interface ExactDisk {
  open(options: ConfigOptions): Promise<RewriteRig<Files>>;
  /** So many of the next fdatasyncs of an incr fail. */
  failSyncs(times: number): void;
  heal(): void;
  /** What a start finds where there is nothing but the base that the manifest names, and in all files as they are now. */
  loadBase(): Promise<string>;
  loadAll(): Promise<string>;
  /** The AOF directory as it is now becomes `to`, which is not there. */
  copyTo(to: string): void;
  end(): void;
}

export function simulatedDisk(): ExactDisk {
  const files = new SimFiles(DIR);
  return {
    open: (options) => RewriteRig.opened(files, options) as unknown as Promise<RewriteRig<Files>>,
    failSyncs: (times) => files.failNext(/^datasync .*incr/, 'EIO', { times }),
    heal: () => files.heal(),
    loadBase: () => loadOf(baseAlone(files)),
    loadAll: () => loadOf(files.afterKill()),
    copyTo(to) {
      const above = `${to}.disk`;
      mkdirSync(above);
      materialize(files.disk.liveImage(), above);
      cpSync(join(above, AOF_DIR), to, { recursive: true });
      rmSync(above, { recursive: true });
    },
    end: () => {},
  };
}

/** Part of the path of every file that is meant to meet faults. */
export const FAULT_MARK = 'everysec-log-';
const MANIFEST_NAME = 'appendonly.aof.manifest';
const place = (dir: string) => ({
  dir,
  makeBackend: () => guardBackend(createNativeBackend()),
  turn: () => new Promise<void>((resolve) => void setTimeout(resolve, 0)),
});

/** `control`: the file by which the preloaded library is steered. */
export function nativeDisk(home: string, control: string): ExactDisk {
  const dir = mkdtempSync(join(home, FAULT_MARK));
  // Of this run alone: others may be under way on the machine.
  const copies = mkdtempSync(join(home, 'everysec-copy-'));
  const copy = join(copies, 'copy');
  const rules = new FaultRules(control);
  const loadOfCopy = async (): Promise<string> => {
    const rig = await RewriteRig.openedAt(place(copy), createNodeFiles());
    const data = rig.data();
    await rig.close();
    rmSync(copy, { recursive: true });
    return data;
  };
  const copyTo = (to: string) => {
    mkdirSync(to, { recursive: true });
    const from = join(dir, 'appendonlydir');
    for (const name of readdirSync(from)) if (!name.includes('.lock')) cpSync(join(from, name), join(to, name));
  };
  return {
    open: (options) => RewriteRig.openedAt(place(dir), createNodeFiles(), options),
    failSyncs: (times) =>
      rules.arm({ kinds: ['fdatasync'], part: '.incr.', first: 1, last: times, action: { do: 'fail', errno: 'EIO' } }),
    heal: () => rules.disarmAll(),
    loadBase() {
      const [line, name] =
        /^file (\S+) seq \d+ type b.*$/m.exec(readFileSync(join(dir, 'appendonlydir', MANIFEST_NAME), 'utf8')) ?? [];
      if (name === undefined) throw new Error('the manifest names no base');
      mkdirSync(join(copy, 'appendonlydir'), { recursive: true });
      cpSync(join(dir, 'appendonlydir', name), join(copy, 'appendonlydir', name));
      writeFileSync(join(copy, 'appendonlydir', MANIFEST_NAME), `${line}\n`);
      return loadOfCopy();
    },
    loadAll() {
      copyTo(join(copy, 'appendonlydir'));
      return loadOfCopy();
    },
    copyTo,
    end: () => {
      for (const made of [dir, copies]) rmSync(made, { recursive: true, force: true });
    },
  };
}
