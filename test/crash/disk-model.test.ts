/**
 * The simulated disk promises no more than ext4 keeps: the same random operations go to both, the power of the real one is cut (the
 * bytes of its block device are copied as they stand, and mounted), and what is found must be legal by the simulation's account.
 *
 * EVERYSEC_SEED repeats a run. Needs root and loop devices.
 */
import { afterAll, describe, expect, it } from 'vitest';
import type { FileHandle, Files } from '../../src/env/files.js';
import { createNodeFiles } from '../../src/env/node-files.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';
import { whatIsIllegal } from '../support/sim/is-legal.js';
import { LoopMount } from '../support/sim/loop-mount.js';
import { SimFiles } from '../support/sim/sim-files.js';

const seed = testSeed();
const mounted = LoopMount.open();
if (typeof mounted === 'string') {
  if (process.env['CI'] !== undefined && process.getuid?.() === 0 && !/permitted|denied/i.test(mounted)) throw new Error(mounted);
  console.log(`skipped: the simulated disk beside a real one, because ${mounted}`);
}

afterAll(() => {
  if (typeof mounted !== 'string') mounted.close();
});

/** The same call on both sides; both succeed, or both fail with the same errno. */
class Twins {
  readonly sim = new SimFiles();
  private readonly real = createNodeFiles();
  private readonly open = new Map<string, [FileHandle, FileHandle]>();
  readonly done: string[] = [];

  constructor(private readonly root: string) {}

  async both(name: string, call: (files: Files, root: string) => Promise<unknown>): Promise<void> {
    const codes = [await codeOf(call(this.sim, '')), await codeOf(call(this.real, this.root))];
    this.done.push(`${name} ${codes[0]}`);
    expect(codes[0], `${name} on ext4: ${codes[1]}\n${this.done.slice(-20).join('\n')}`).toBe(codes[1]);
  }

  async bothHandles(path: string, name: string, call: (handle: FileHandle) => Promise<unknown>): Promise<void> {
    const handles = await this.handles(path);
    if (handles === null) return;
    await call(handles[0]);
    await call(handles[1]);
    this.done.push(`${name} ${path}`);
  }

  /** Names move; the handles stay with their files until they are closed. */
  async closeAll(): Promise<void> {
    for (const pair of this.open.values()) for (const handle of pair) await handle.close();
    this.open.clear();
  }

  private async handles(path: string): Promise<[FileHandle, FileHandle] | null> {
    const known = this.open.get(path);
    if (known !== undefined) return known;
    if (this.sim.content(path) === null) return null;
    const pair: [FileHandle, FileHandle] = [
      await this.sim.open(path, 'update'),
      await this.real.open(this.root + path, 'update'),
    ];
    this.open.set(path, pair);
    return pair;
  }
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    const result = await call;
    if (result !== null && typeof result === 'object' && 'close' in result) await (result as FileHandle).close();
    return 'ok';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

const DIRECTORIES = ['/w', '/w/sub'];

function somePath(random: Random): string {
  return `${random.pick(DIRECTORIES)}/${random.pick(['a', 'b', 'c', 'd', 'e'])}`;
}

async function oneOperation(twins: Twins, random: Random): Promise<void> {
  const path = somePath(random);
  switch (
    random.pick([
      'create',
      'write',
      'write',
      'write',
      'truncate',
      'sync',
      'datasync',
      'rename',
      'link',
      'unlink',
      'dir',
      'dir',
      'close',
    ])
  ) {
    case 'create':
      return twins.both(`create ${path}`, (files, root) => files.open(root + path, 'create'));
    case 'write': {
      const bytes = random.bytes(random.logBetween(1, 12_000));
      return twins.bothHandles(path, `write ${bytes.length}`, (handle) => handle.write([bytes]));
    }
    case 'truncate': {
      const size = random.below(9000);
      return twins.bothHandles(path, `truncate ${size}`, (handle) => handle.truncate(size));
    }
    case 'sync':
      return twins.bothHandles(path, 'sync', (handle) => handle.sync());
    case 'datasync':
      return twins.bothHandles(path, 'datasync', (handle) => handle.datasync());
    case 'rename': {
      const to = somePath(random);
      await twins.closeAll();
      return twins.both(`rename ${path} ${to}`, (files, root) => files.rename(root + path, root + to));
    }
    case 'link': {
      const to = somePath(random);
      return twins.both(`link ${path} ${to}`, (files, root) => files.link(root + path, root + to));
    }
    case 'unlink':
      await twins.closeAll();
      return twins.both(`unlink ${path}`, (files, root) => files.unlink(root + path));
    case 'dir': {
      const directory = random.pick(DIRECTORIES);
      return twins.both(`syncDirectory ${directory}`, (files, root) => files.syncDirectory(root + directory));
    }
    default:
      return twins.closeAll();
  }
}

describe.skipIf(typeof mounted === 'string')('the simulated disk beside ext4', () => {
  it('whatever it says survives a power cut did survive, and whatever is found is legal', async () => {
    if (typeof mounted === 'string') return;
    const random = new Random(seed);
    const twins = new Twins(mounted.path);
    for (const directory of DIRECTORIES) await twins.both(`mkdir ${directory}`, (files, root) => files.mkdir(root + directory));
    const seen = { cuts: 0, lost: 0, kept: 0, bold: 0 };
    const cuts = sized(25, 1000);
    for (let cut = 0; cut < cuts; cut++) {
      for (let i = random.between(1, 12); i > 0; i--) await oneOperation(twins, random);
      const found = mounted.cut();
      const { disk } = twins.sim;
      expect(whatIsIllegal(disk, found), `seed ${seed}, cut ${cut}\n${twins.done.slice(-60).join('\n')}\n${found}`).toBeNull();
      seen.cuts++;
      if (found.hash === disk.liveImage().hash) seen.kept++;
      else seen.lost++;
      // A simulation that held everything for durable would be found out here.
      const bold = SimFiles.afterPowerLoss(disk.liveImage());
      if (whatIsIllegal(bold.disk, found) !== null) seen.bold++;
    }
    await twins.closeAll();
    console.log(`the simulated disk beside ext4, seed ${seed}: ${JSON.stringify(seen)}`);
    expect(seen.lost).toBeGreaterThan(0);
    expect(seen.bold).toBeGreaterThan(0);
  }, 600_000);
});
