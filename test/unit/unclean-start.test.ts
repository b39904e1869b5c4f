// What a start does about a log that nobody noted to be all synced: it writes its last file again, into a fresh one. A synced page of such a
// file may be one that the kernel gave up (test/crash/failed-sync-restart, write-again).
import { describe, expect, it } from 'vitest';
import { renewFile } from '../../src/aof/load/renew.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { EngineLife } from '../support/sim/engine-life.js';
import { SimFiles } from '../support/sim/sim-files.js';
import { Machine, SimulatedEnv } from '../support/simulation/simulated-env.js';

const INCR = '/data/appendonlydir/appendonly.aof.1.incr.aof';
const TEMP = '/data/appendonlydir/temp-appendonly.aof.incr.aof';
type Settings = { readonly aofChecksum?: boolean };

async function opened(files: SimFiles, settings: Settings = {}): Promise<EngineLife> {
  const life = new EngineLife(files, { appendonly: true, ...settings }, 1);
  await life.finish(life.engine.open());
  return life;
}

/** A log of two commands, whose process was killed; or closed it. */
async function logOf(settings: Settings, isClosed: boolean): Promise<SimFiles> {
  const files = new SimFiles('/data');
  const life = await opened(files, settings);
  await life.finish(life.engine.synced(life.append([[0, 'SET', 'a', '1']])));
  await life.finish(life.engine.synced(life.append([[0, 'SET', 'b', '2']])));
  if (isClosed) await life.finish(life.engine.close());
  return files.afterKill();
}

const renewals = (files: SimFiles) => files.operations.filter((step) => step === `rename ${TEMP}`).length;

describe.each([{ aofChecksum: true }, { aofChecksum: false }])('with %o', (settings) => {
  it('after a kill the last file is written again, the same bytes, once', async () => {
    const files = await logOf(settings, false);
    const bytes = files.content(INCR);
    const ino = files.inoOf(INCR);
    const life = await opened(files, settings);
    expect(life.commands).toEqual(['0 SET a 1', '0 SET b 2']);
    expect(files.content(INCR)).toBe(bytes);
    expect(files.inoOf(INCR)).not.toBe(ino);
    const next = files.afterKill();
    expect((await opened(next, settings)).commands).toEqual(life.commands);
    expect(renewals(next)).toBe(0);
  });

  it('after a clean close nothing is written again', async () => {
    const files = await logOf(settings, true);
    const ino = files.inoOf(INCR);
    expect((await opened(files, settings)).commands).toEqual(['0 SET a 1', '0 SET b 2']);
    expect(files.inoOf(INCR)).toBe(ino);
  });

  it.each([
    [/^write .*temp-appendonly\.aof\.incr/, 'ENOSPC', 'AOF_DISK_FULL'],
    [/^sync .*temp-appendonly\.aof\.incr/, 'EIO', 'AOF_IO'],
    [/^rename .*temp-appendonly\.aof\.incr/, 'EIO', 'AOF_IO'],
  ])('%s that fails with %s is told, and the file is as it was', async (step, errno, code) => {
    const files = await logOf(settings, false);
    const [bytes, ino] = [files.content(INCR), files.inoOf(INCR)];
    files.failNext(step, errno);
    await expect(opened(files, settings)).rejects.toMatchObject({ code });
    expect([files.content(INCR), files.inoOf(INCR), files.content(TEMP)]).toEqual([bytes, ino, null]);
  });
});

it('a clean-close mark that cannot be synced is told by close(), and the next start writes the file again', async () => {
  const files = new SimFiles('/data');
  const life = await opened(files);
  await life.finish(life.engine.synced(life.append([[0, 'SET', 'a', '1']])));
  files.failNext(/^datasync .*incr/, 'EIO');
  await expect(life.finish(life.engine.close())).rejects.toMatchObject({ code: 'AOF_IO' });
  expect(life.engine.state).toBe('closed');
  const next = files.afterKill();
  expect((await opened(next)).commands).toEqual(['0 SET a 1']);
  expect(renewals(next)).toBe(1);
});

describe('a file that is written again', () => {
  const RECORD = '*1\r\n$4\r\nPING\r\n';

  /** Its only sync has failed. */
  async function doubtful() {
    const files = new SimFiles('/d');
    const handle = await files.open('/d/a', 'create');
    await files.syncDirectory('/d');
    await handle.write([Buffer.from(RECORD)]);
    files.failNext(/^datasync/, 'EIO');
    await handle.datasync().catch(() => {});
    return files;
  }

  function renew(files: SimFiles, commands: number): Promise<void> {
    const loaded = { path: '/d/a', bytes: RECORD.length, commands, firstLsn: 0, lsn: RECORD.length };
    const backend = createFallbackBackend(new SimulatedEnv(new Machine(), files));
    return renewFile({ files, backend, temp: '/d/temp', loaded, signal: new AbortController().signal });
  }

  it('is durable on return, whatever a power loss leaves', async () => {
    const files = await doubtful();
    await renew(files, 1);
    for (const image of files.crashStates()) expect(SimFiles.afterPowerLoss(image).content('/d/a'), `${image}`).toBe(RECORD);
  });

  it('and that reads otherwise than it was loaded stays as it was', async () => {
    const files = await doubtful();
    await expect(renew(files, 2)).rejects.toMatchObject({ code: 'AOF_IO', path: '/d/a' });
    expect(files.paths()).toEqual(['/d', '/d/a']);
  });
});
