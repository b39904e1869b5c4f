// Which calls the file of the TypeScript log gets, in which order and beside which others, and what counts after them. Files are in
// memory, and calls are held back where the test wants them to last.
import { describe, expect, it } from 'vitest';
import { type Backend, type BlockLog, BlockLogFault, type BlockLogOptions, Status } from '../../src/backend/backend.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { ManualEnv } from '../support/manual-env.js';

const PATH = '/d/a';
const NEXT = '/d/b';

class Rig {
  readonly env = ManualEnv.inMemory('/d');
  private readonly numbers = new Float64Array(Status.length);
  private opened: BlockLog | null = null;

  /** `guard`: what it does at the wrong time is a question where there is none. */
  static async open(options: Partial<BlockLogOptions> = {}, guard = (backend: Backend) => backend): Promise<Rig> {
    const rig = new Rig();
    for (const path of [PATH, NEXT]) rig.files.put(path, '');
    const target = { path: PATH, position: 0, session: '0000aaaa', lsn: 0, onProgress: () => {} };
    const backend = guard(createFallbackBackend(rig.env));
    rig.opened = await backend.openLog({ ...target, checksum: false, retainUntilSynced: true, ...options });
    rig.files.operations.length = 0;
    return rig;
  }

  get files() {
    return this.env.files;
  }

  get log(): BlockLog {
    if (this.opened === null) throw new Error('no log');
    return this.opened;
  }

  stat(name: Exclude<keyof typeof Status, 'length' | 'syncHistogram'>): number {
    this.log.status(this.numbers);
    return this.numbers[Status[name]] as number;
  }

  async append(text: string, sync = false): Promise<number> {
    const lsn = this.log.append(text);
    this.log.flush(sync);
    await this.env.settle();
    return lsn;
  }

  /** Calls of this name last until the returned function is called. */
  hold(name: string): () => Promise<void> {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.files.pace = (operation) => (operation.startsWith(`${name} `) ? gate : undefined);
    return async () => {
      this.files.pace = () => undefined;
      release();
      await this.env.settle();
    };
  }

  /** Since it was asked last, those that change a file. */
  calls(): string[] {
    const calls = this.files.operations.filter((name) => /^(write|datasync|truncate|close) /.test(name));
    this.files.operations.length = 0;
    return calls;
  }
}

const NEXT_TARGET = { path: NEXT, position: 0, session: '0000bbbb' };

describe('an fdatasync', () => {
  it('covers what was written when it was issued; what is written beside it is kept and needs another one', async () => {
    const rig = await Rig.open();
    const release = rig.hold('datasync');
    const first = await rig.append('first', true);
    const written = rig.stat('writtenOffset');
    const second = await rig.append('second');
    expect(rig.stat('writtenLsn')).toBe(second);
    await release();
    expect([rig.stat('syncedLsn'), rig.stat('syncedOffset')]).toEqual([first, written]);
    expect(rig.stat('bufferedBytes')).toBe(second - first);
    expect(rig.calls()).toEqual([`write ${PATH}`, `datasync ${PATH}`, `write ${PATH}`]);
    rig.log.flush(true);
    await rig.env.settle();
    expect([rig.stat('syncedLsn'), rig.stat('bufferedBytes'), rig.calls()]).toEqual([second, 0, [`datasync ${PATH}`]]);
  });

  it('follows the write that it was asked for', async () => {
    const rig = await Rig.open();
    await rig.append('first');
    const release = rig.hold('write');
    await rig.append('second', true);
    expect(rig.calls()).toEqual([`write ${PATH}`, `write ${PATH}`]);
    await release();
    expect(rig.calls()).toEqual([`datasync ${PATH}`]);
  });

  it('that failed is the last call but close on its file, at the end of the process too', async () => {
    const rig = await Rig.open();
    rig.files.failNext(/^datasync/, 'EIO');
    await rig.append('first', true);
    expect(rig.stat('fault')).toBe(BlockLogFault.sync);
    rig.calls();
    await rig.append('second', true);
    rig.log.append('third');
    expect(rig.log.writeOutSync()).toBe(0);
    expect([rig.calls(), rig.stat('syncedLsn')]).toEqual([[], 0]);
    await rig.log.close();
    expect(rig.calls()).toEqual([`close ${PATH}`]);
  });

  it('that failed after the last write is not made good by one that was asked for meanwhile', async () => {
    const rig = await Rig.open();
    rig.files.failNext(/^datasync/, 'EIO');
    const release = rig.hold('datasync');
    await rig.append('first', true);
    await rig.append('second', true);
    await release();
    rig.log.flush(true);
    await rig.env.settle();
    expect(rig.calls().filter((name) => name.startsWith('datasync'))).toHaveLength(1);
    expect([rig.stat('syncedLsn'), rig.stat('fault')]).toEqual([0, BlockLogFault.sync]);
  });

  it('does not count where the file was replaced while it ran', async () => {
    const rig = await Rig.open();
    const release = rig.hold('datasync');
    await rig.append('first', true);
    rig.files.remove(PATH);
    rig.files.put(PATH, '');
    await release();
    expect([rig.stat('syncedLsn'), rig.stat('fault')]).toEqual([0, BlockLogFault.gone]);
  });
});

describe.each([
  ['a cut', undefined],
  ['a cut, guarded', guardBackend],
])('%s', (_, guard) => {
  it('is durable when an fdatasync has followed it', async () => {
    const rig = await Rig.open({}, guard);
    await rig.append('first', true);
    rig.calls();
    await rig.log.truncate(3);
    expect([rig.files.content(PATH)?.length, rig.stat('writtenOffset'), rig.stat('syncedOffset')]).toEqual([3, 3, 3]);
    rig.log.flush(true);
    await rig.env.settle();
    expect(rig.calls()).toEqual([`truncate ${PATH}`, `datasync ${PATH}`]);
  });

  it('that fails is told and changes nothing', async () => {
    const rig = await Rig.open({}, guard);
    await rig.append('first', true);
    const before = rig.stat('writtenOffset');
    rig.files.failNext(/^truncate/, 'EIO');
    await expect(rig.log.truncate(3)).rejects.toMatchObject({ code: 'AOF_IO', path: PATH });
    expect([rig.stat('writtenOffset'), rig.stat('syncedOffset')]).toEqual([before, before]);
  });
});

describe('a change of files', () => {
  it('writes, syncs and closes the old one, and touches the next one only when it is told to', async () => {
    const rig = await Rig.open({ checksum: true });
    await rig.append('first');
    await rig.log.openNext(NEXT_TARGET);
    rig.log.append('old');
    const old = rig.stat('appendedLsn');
    rig.log.switchToNext();
    await rig.append('new', true);
    expect(rig.calls()).toEqual([`write ${PATH}`, `write ${PATH}`, `datasync ${PATH}`, `close ${PATH}`]);
    expect([rig.stat('retargetStage'), rig.stat('syncedLsn')]).toEqual([2, old]);
    rig.log.resumeTarget();
    await rig.env.settle();
    expect(rig.calls()).toEqual([`write ${NEXT}`, `datasync ${NEXT}`]);
    const sessions = (path: string) => [...(rig.files.content(path) ?? '').matchAll(/0000(aaaa|bbbb)/g)].map(([, id]) => id);
    expect([...new Set(sessions(PATH))]).toEqual(['aaaa']);
    expect([...new Set(sessions(NEXT))]).toEqual(['bbbb']);
    expect([rig.files.content(PATH)?.includes('old'), rig.files.content(PATH)?.includes('new')]).toEqual([true, false]);
  });

  it('does not leave the old one while it is being synced, nor when that fails', async () => {
    for (const fails of [false, true]) {
      const rig = await Rig.open();
      if (fails) rig.files.failNext(/^datasync/, 'EIO');
      await rig.log.openNext(NEXT_TARGET);
      const release = rig.hold('datasync');
      await rig.append('old', true);
      rig.log.switchToNext();
      await rig.env.settle();
      expect([rig.calls(), rig.stat('retargetStage')]).toEqual([[`write ${PATH}`, `datasync ${PATH}`], 1]);
      await release();
      expect([rig.calls(), rig.stat('retargetStage')]).toEqual(fails ? [[], 1] : [[`close ${PATH}`], 2]);
    }
  });
});

describe('a roll', () => {
  it('waits for the write and for the fdatasync that are under way', async () => {
    for (const name of ['write', 'datasync']) {
      const rig = await Rig.open();
      const release = rig.hold(name);
      await rig.append('first', true);
      let isDone = false;
      const rolled = rig.log.roll(NEXT_TARGET).then(() => {
        isDone = true;
      });
      await rig.env.settle();
      expect(isDone, name).toBe(false);
      await release();
      await rolled;
    }
  });

  it('begins nothing more on the old file', async () => {
    const rig = await Rig.open();
    await rig.append('first');
    rig.calls();
    const release = rig.hold('open:append');
    const rolled = rig.log.roll(NEXT_TARGET);
    rig.log.flush(true);
    await rig.append('second', true);
    expect(rig.calls()).toEqual([]);
    await release();
    await rolled;
    await rig.env.settle();
    expect(rig.calls().filter((call) => call !== `close ${PATH}`)).toEqual([`write ${NEXT}`, `datasync ${NEXT}`]);
  });

  it('takes over a unit whole, though a part of it was synced', async () => {
    const rig = await Rig.open();
    rig.log.beginUnit();
    const lsn = rig.log.append('x'.repeat(100_000));
    rig.log.append('y'.repeat(100_000));
    rig.log.flush(true);
    await rig.env.settle();
    expect(rig.stat('syncedLsn')).toBeGreaterThanOrEqual(lsn);
    expect(rig.stat('bufferedBytes')).toBe(rig.stat('appendedLsn'));
    rig.log.append('z');
    rig.log.endUnit();
    rig.files.failNext(/^datasync/, 'EIO');
    rig.log.flush(true);
    await rig.env.settle();
    expect((await rig.log.roll(NEXT_TARGET)).offset).toBe(0);
  });
});

describe('close', () => {
  it('writes and syncs what was handed over, then closes', async () => {
    const rig = await Rig.open();
    const release = rig.hold('datasync');
    await rig.append('first', true);
    await rig.append('second', true);
    const closed = rig.log.close();
    await release();
    await closed;
    const sync = `datasync ${PATH}`;
    expect(rig.calls()).toEqual([`write ${PATH}`, sync, `write ${PATH}`, sync, `close ${PATH}`]);
  });
});
