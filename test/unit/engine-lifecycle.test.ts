// The engine's ways in and out, on files in memory: what open() makes durable before it builds on it, what a failed switch leaves
// behind, who closes when. The TypeScript backend runs over the same files.
import { describe, expect, it } from 'vitest';
import type { Host } from '../../src/host.js';
import { AOF, append, INCR, MANIFEST, opened, outcome, rig } from '../support/engine-rig.js';
import { MemoryFiles } from '../support/memory-files.js';

const snapshotOf = (...commands: string[][]): Partial<Host> => ({
  beginSnapshot: () => ({
    next: (emit) => {
      for (const argv of commands) emit(0, ...argv);
      return true;
    },
    end: () => {},
  }),
});

/** Nothing but the files of an append only file: no lock, no temporary file. */
const leftovers = (files: MemoryFiles) => files.paths().filter((path) => /temp-|lock/.test(path));

describe('disable', () => {
  it('writes nothing behind the clean-close mark, however long that takes to be synced', async () => {
    const files = new MemoryFiles('/data');
    const held: Array<() => void> = [];
    let isStalled = false;
    const { open } = files;
    files.open = async (path, mode) => {
      const handle = await open.call(files, path, mode);
      const { datasync } = handle;
      handle.datasync = async () => {
        if (isStalled) await new Promise<void>((resolve) => held.push(resolve));
        return datasync.call(handle);
      };
      return handle;
    };
    const { env, engine, ...rest } = await opened({}, files);
    append({ env, engine, ...rest }, 'SET', 'a', '1');
    expect(await outcome(env, engine.synced(engine.appendedLsn))).toBe('resolved');
    isStalled = true;
    const off = engine.disable();
    // Longer than what an idle log waits before it says that it is.
    const until = env.clock.monotonicMs() + 20_000;
    await env.until(() => env.clock.monotonicMs() > until);
    expect(held).toHaveLength(1);
    isStalled = false;
    held[0]?.();
    expect(await outcome(env, off)).toBe('resolved');
    expect(files.content(INCR)?.trimEnd()).toMatch(/ f=c$/);
    expect((await opened({}, files)).commands).toEqual(['0 SET a 1']);
  });
});

describe('a rewrite', () => {
  it('cannot begin while appendonly is being switched off: the files are being let go of', async () => {
    const { env, engine } = await opened({}, undefined, snapshotOf(['SET', 'a', '1']));
    const { unlink } = env.files;
    let answer = '';
    env.files.unlink = async (path) => {
      // The log is closed, the lock not yet released.
      await engine.rewrite().catch((error: { code: string; message: string }) => {
        answer = `${error.code} ${error.message}`;
      });
      return unlink.call(env.files, path);
    };
    expect(await outcome(env, engine.disable())).toBe('resolved');
    env.files.unlink = unlink;
    expect(answer).toMatch(/^AOF_BUSY .*appendonly is being switched/);
    expect(leftovers(env.files)).toEqual([]);
    expect(await outcome(env, engine.rewrite())).toBe('resolved');
  });

  it('takes whole records of the host as they are, between its commands, and gives up at what is none', async () => {
    const snapshotWith = (text: string): Partial<Host> => ({
      beginSnapshot: () => ({
        next: (emit, _, emitRecords) => {
          emit(0, 'SET', 'first', '1');
          emitRecords?.(2, Buffer.from(`##${text}#`), 2, 2 + text.length);
          emit(2, 'SET', 'last', '1');
          return true;
        },
        end: () => {},
      }),
    });
    const two = '*2\r\n$3\r\nDEL\r\n$1\r\nx\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n';
    const { env, engine } = await opened({}, undefined, snapshotWith(two));
    expect(await outcome(env, engine.rewrite())).toBe('resolved');
    await outcome(env, engine.close());
    expect((await opened({}, env.files)).commands).toEqual(['0 SET first 1', '2 DEL x', '2 SET k v', '2 SET last 1']);
    for (const text of ['*1\r\n$4\r\nPIN', '*1\r\n$5\r\nMULTI\r\n', '*01\r\n$1\r\nx\r\n']) {
      const flawed = await opened({}, undefined, snapshotWith(text));
      let message = '';
      const rewrite = flawed.engine.rewrite().catch((error: Error) => {
        message = error.message;
      });
      await outcome(flawed.env, rewrite);
      expect(message).toMatch(/no canonical RESP at byte [0-9]+/);
      expect(flawed.engine.state).toBe('ready');
      expect(await outcome(flawed.env, flawed.engine.close())).toBe('resolved');
      expect(leftovers(flawed.env.files)).toEqual([]);
    }
  });

  it('whose manifest can never be written leaves a log that has failed, not one that waits for ever', async () => {
    const rigged = await opened({}, undefined, snapshotOf(['SET', 'a', '1']));
    const { env, engine } = rigged;
    env.files.failNext(/^open:\w+ .*temp-appendonly\.aof\.manifest/, 'EACCES');
    expect(await outcome(env, engine.rewrite())).toBe('AOF_READONLY');
    expect(engine.state).toBe('failed');
    expect(await outcome(env, engine.synced(engine.appendedLsn))).toBe('AOF_FAILED');
    expect(await outcome(env, engine.rewrite())).toBe('AOF_BUSY');
    expect(await outcome(env, engine.close())).toBe('AOF_FAILED');
    expect(leftovers(env.files)).toEqual([]);
  });
});

describe('open', () => {
  it('syncs the directory before it reads the manifest, and the last incr before anything counts on it', async () => {
    const first = await opened();
    append(first, 'SET', 'a', '1');
    await outcome(first.env, first.engine.close());
    const { files } = first.env;
    files.operations.length = 0;
    const second = await opened({}, files);
    const at = (operation: string) => files.operations.indexOf(operation);
    expect(at(`syncDirectory ${AOF}`)).toBeGreaterThanOrEqual(0);
    expect(at(`readFile ${MANIFEST}`)).toBeGreaterThan(
      files.operations.lastIndexOf(`syncDirectory ${AOF}`, at(`readFile ${MANIFEST}`)),
    );
    expect(files.operations.slice(0, at(`readFile ${MANIFEST}`))).toContain(`syncDirectory ${AOF}`);
    expect(at(`sync ${INCR}`)).toBeGreaterThan(0);
    expect(at(`open:append ${INCR}`)).toBeGreaterThan(at(`sync ${INCR}`));
    await outcome(second.env, second.engine.close());
  });

  it.each([/^syncDirectory \/data\/appendonlydir/, /^sync .*1\.incr/])(
    'that cannot make it durable (%s) refuses and leaves nothing open',
    async (operation) => {
      const first = await opened();
      append(first, 'SET', 'a', '1');
      await outcome(first.env, first.engine.close());
      const { files } = first.env;
      files.failNext(operation, 'EIO');
      const second = rig({}, files);
      expect(await outcome(second.env, second.engine.open())).toBe('AOF_IO');
      expect(second.engine.state).toBe('closed');
      expect([leftovers(files), second.env.lastActs.size, second.env.timerCount]).toEqual([[], 0, 0]);
      const third = await opened({}, files);
      expect(third.commands).toEqual(['0 SET a 1']);
    },
  );

  it('that cannot close what it has read says so with a code', async () => {
    const first = await opened();
    append(first, 'SET', 'a', '1');
    await outcome(first.env, first.engine.close());
    const { files } = first.env;
    files.failNext(/^close .*incr/, 'EIO', { happensFirst: true });
    const second = rig({}, files);
    expect(await outcome(second.env, second.engine.open())).toBe('AOF_IO');
    expect((await opened({}, files)).commands).toEqual(['0 SET a 1']);
  });

  it.each([
    ['zeros', Buffer.alloc(60)],
    ['a part of it', Buffer.from('#EVS1 3')],
  ])('finds the first block of a session torn (%s) behind a clean close, cuts it and goes on', async (_, torn) => {
    const first = await opened();
    append(first, 'SET', 'a', '1');
    await outcome(first.env, first.engine.close());
    const { files } = first.env;
    files.put(INCR, Buffer.concat([Buffer.from(files.content(INCR) ?? '', 'latin1'), torn]));
    const second = await opened({}, files);
    expect(second.commands).toEqual(['0 SET a 1']);
    append(second, 'SET', 'b', '2');
    await outcome(second.env, second.engine.close());
    expect((await opened({}, files)).commands).toEqual(['0 SET a 1', '0 SET b 2']);
  });

  it('refuses a file that is shorter than its cut: what is missing was synced', async () => {
    const first = await opened();
    append(first, 'SET', 'a', '1');
    await outcome(first.env, first.engine.close());
    const { files } = first.env;
    const manifest = (files.content(MANIFEST) ?? '').replace('seq 1 type i', 'seq 1 type i cut 9999');
    files.put(MANIFEST, manifest);
    const before = files.paths();
    const second = rig({}, files);
    expect(await outcome(second.env, second.engine.open())).toBe('AOF_CORRUPT');
    expect(files.paths()).toEqual(before);
    expect(files.content(MANIFEST)).toBe(manifest);
  });

  it('loads up to the cut that a crash in a roll has left, cuts there, and goes on', async () => {
    const first = await opened();
    append(first, 'SET', 'a', '1');
    expect(await outcome(first.env, first.engine.synced(first.engine.appendedLsn))).toBe('resolved');
    const { files } = first.env;
    const cut = (files.content(INCR) ?? '').length;
    append(first, 'SET', 'lost', '1');
    await outcome(first.env, first.engine.close());
    files.put(MANIFEST, (files.content(MANIFEST) ?? '').replace('seq 1 type i', `seq 1 type i cut ${cut}`));
    const second = await opened({}, files);
    expect(second.commands).toEqual(['0 SET a 1']);
    expect(files.content(MANIFEST)).not.toContain('cut');
    append(second, 'SET', 'b', '2');
    await outcome(second.env, second.engine.close());
    const third = await opened({}, files);
    expect(third.commands).toEqual(['0 SET a 1', '0 SET b 2']);
  });

  it('that was aborted before it began changes nothing', async () => {
    const { env, engine } = rig();
    engine.abortLoading();
    expect(await outcome(env, engine.open())).toBe('AOF_ABORTED');
    expect(env.files.paths()).toEqual(['/data']);
  });
});

describe('close', () => {
  it('gives every caller the same end, and refuses appends from the first call on', async () => {
    const it = await opened();
    append(it, 'SET', 'a', '1');
    const both = Promise.all([it.engine.close(), it.engine.close()]);
    expect(it.engine.refusal).toContain('closed');
    expect(await outcome(it.env, both)).toBe('resolved');
    expect(await outcome(it.env, it.engine.close())).toBe('resolved');
    expect([leftovers(it.env.files), it.env.lastActs.size, it.env.timerCount]).toEqual([[], 0, 0]);
  });

  it('while loading ends the loading, and nothing is open when it returns', async () => {
    const first = await opened();
    for (let i = 0; i < 10; i++) append(first, 'SET', `k${i}`, '1');
    await outcome(first.env, first.engine.close());
    const second = rig({}, first.env.files);
    const opening = second.engine.open();
    const ended = outcome(second.env, second.engine.close());
    expect(await outcome(second.env, opening)).toBe('AOF_ABORTED');
    expect(await ended).toBe('resolved');
    expect([second.engine.state, leftovers(second.env.files)]).toEqual(['closed', []]);
  });

  it('on a full disk tries once more, then gives the reason; what was not synced is never called synced', async () => {
    const it = await opened();
    const { files } = it.env;
    append(it, 'SET', 'a', '1');
    files.failNext(/^write .*incr/, 'ENOSPC', { times: 1000 });
    await it.env.until(() => it.engine.state === 'degraded');
    const lsn = it.engine.appendedLsn;
    const waiting = outcome(it.env, it.engine.synced(lsn));
    expect(await outcome(it.env, it.engine.close())).toBe('AOF_DISK_FULL');
    expect(await waiting).toBe('AOF_CLOSED');
    expect(it.engine.appendedLsn).toBe(lsn);
    expect(it.engine.syncedLsn).toBeLessThan(lsn);
    expect(await outcome(it.env, it.engine.synced(lsn))).toBe('AOF_CLOSED');
    expect(leftovers(files)).toEqual([]);
  });

  it('finds the room that came back since the last attempt', async () => {
    const it = await opened();
    const { files } = it.env;
    append(it, 'SET', 'a', '1');
    files.failNext(/^write .*incr/, 'ENOSPC', { times: 1000 });
    await it.env.until(() => it.engine.state === 'degraded');
    files.heal();
    expect(await outcome(it.env, it.engine.close())).toBe('resolved');
    expect((await opened({}, files)).commands).toEqual(['0 SET a 1']);
  });

  it('ends also when a roll was given up after the log had gone on in its new file: no fault is left to tell of it', async () => {
    const it = await opened();
    const { files } = it.env;
    append(it, 'SET', 'a', '1');
    files.failNext(/^datasync .*incr/, 'EIO');
    files.failNext(/^open:replace .*manifest/, 'ENOSPC', { times: 1000 });
    await it.env.until(() => it.engine.state === 'degraded');
    const waiting = outcome(it.env, it.engine.synced(it.engine.appendedLsn));
    expect(await outcome(it.env, it.engine.close())).toBe('AOF_IO');
    expect(await waiting).toBe('AOF_CLOSED');
    expect([it.engine.state, leftovers(files)]).toEqual(['closed', []]);
  });

  it('ends also when the lock file cannot be removed, and says so', async () => {
    const it = await opened();
    it.env.files.failNext(/^unlink .*lock/, 'EIO', { times: 9 });
    expect(await outcome(it.env, it.engine.close())).toBe('AOF_IO');
    expect(it.engine.state).toBe('closed');
  });
});

describe('synced', () => {
  it('refuses an LSN that nobody was given, instead of waiting for ever', async () => {
    const it = await opened();
    await expect(it.engine.synced(it.engine.appendedLsn + 1)).rejects.toThrow(RangeError);
    await expect(it.engine.synced(Number.NaN)).rejects.toThrow(RangeError);
  });
});

describe('appendonly yes at run time', () => {
  it.each([
    ['creating the segment', /^open:create .*incr/],
    ['creating the base', /^open:replace .*temp-appendonly.aof.4242/],
    ['opening the log', /^open:append .*incr/],
    ['writing the base', /^write .*temp-appendonly.aof.4242/],
    ['syncing the base', /^datasync .*temp-appendonly.aof.4242/],
    ['moving the base', /^rename .*temp-appendonly.aof.4242/],
    ['writing the manifest', /^write .*temp-appendonly.aof.manifest/],
    ['switching the manifest', /^rename .*temp-appendonly.aof.manifest/],
  ])('that fails in %s leaves no lock and no temporary file, and works when it is tried again', async (_, operation) => {
    const it = await opened({ appendonly: false }, undefined, snapshotOf(['SET', 'a', '1']));
    const { files } = it.env;
    files.failNext(operation, 'EIO', { times: 1 });
    expect(await outcome(it.env, it.engine.enable())).toBe('AOF_IO');
    expect([it.engine.isEnabled, it.engine.state, it.engine.refusal]).toEqual([false, 'ready', null]);
    expect([leftovers(files), it.env.lastActs.size]).toEqual([[], 0]);
    // After a failed rename a crash may show either manifest, so the file that the new one names stays.
    const kept = String(operation).includes('rename .*temp-appendonly.aof.manifest') ? [INCR] : [];
    expect(files.paths().filter((path) => path.endsWith('.incr.aof'))).toEqual(kept);
    expect(await outcome(it.env, it.engine.enable())).toBe('resolved');
    append(it, 'SET', 'b', '2');
    expect(await outcome(it.env, it.engine.close())).toBe('resolved');
    expect((await opened({}, files)).commands).toEqual(['0 SET a 1', '0 SET b 2']);
  });

  it('a host without beginSnapshot() is told so, and nothing stays behind', async () => {
    const it = await opened({ appendonly: false });
    expect(await outcome(it.env, it.engine.enable())).toBe('AOF_UNSUPPORTED');
    expect(leftovers(it.env.files)).toEqual([]);
  });

  it('a fault of the new log before the manifest names it is responded to afterwards, and loses nothing', async () => {
    const it = await opened({ appendonly: false }, undefined, snapshotOf(['SET', 'a', '1']));
    const { files } = it.env;
    let release = () => {};
    files.pace = (operation) => {
      if (!/^datasync .*temp-appendonly.aof.4242/.test(operation)) return undefined;
      files.pace = () => undefined;
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    };
    const enabling = it.engine.enable();
    await it.env.until(() => it.engine.isEnabled);
    // More than a block, so that the log writes by itself.
    files.failNext(/^write .*incr/, 'EIO');
    const big = 'x'.repeat(300_000);
    append(it, 'SET', 'b', big);
    append(it, 'SET', 'c', '3');
    await it.env.settle();
    release();
    expect(await outcome(it.env, enabling)).toBe('resolved');
    expect(await outcome(it.env, it.engine.synced(it.engine.appendedLsn))).toBe('resolved');
    expect(it.engine.state).toBe('ready');
    expect(await outcome(it.env, it.engine.close())).toBe('resolved');
    expect((await opened({}, files)).commands).toEqual(['0 SET a 1', `0 SET b ${big}`, '0 SET c 3']);
  });
});

describe('appendonly no at run time', () => {
  it('on a disk that fails switches off all the same, frees the directory, and can be switched on again', async () => {
    const it = await opened({}, undefined, snapshotOf(['SET', 'a', '1']));
    const { files } = it.env;
    append(it, 'SET', 'a', '1');
    files.failNext(/^(datasync|open:create) .*incr/, 'EIO', { times: 1000 });
    await it.env.until(() => it.engine.state === 'degraded');
    expect(await outcome(it.env, it.engine.disable())).toBe('resolved');
    expect([it.engine.isEnabled, it.engine.refusal, it.engine.failure, leftovers(files)]).toEqual([false, null, null, []]);
    files.heal();
    expect(await outcome(it.env, it.engine.enable())).toBe('resolved');
    expect(await outcome(it.env, it.engine.close())).toBe('resolved');
    expect((await opened({}, files)).commands).toEqual(['0 SET a 1']);
  });

  it('three switches at once happen one after the other', async () => {
    const it = await opened({}, undefined, snapshotOf());
    const all = Promise.all([it.engine.disable(), it.engine.enable(), it.engine.disable(), it.engine.enable()]);
    expect(await outcome(it.env, all)).toBe('resolved');
    expect(it.engine.isEnabled).toBe(true);
    expect(await outcome(it.env, it.engine.close())).toBe('resolved');
    expect(leftovers(it.env.files)).toEqual([]);
  });

  it('after close() there is no switching on', async () => {
    const it = await opened({ appendonly: false }, undefined, snapshotOf());
    const closing = it.engine.close();
    const late = it.engine.enable();
    expect(await outcome(it.env, late)).toBe('AOF_CLOSED');
    expect(await outcome(it.env, closing)).toBe('resolved');
  });
});

describe('listeners', () => {
  it('the directory is looked at once a second and by one at a time, however long a look takes', async () => {
    const it = await opened();
    const { files } = it.env;
    files.operations.length = 0;
    files.pace = (operation) => (operation === `lstat ${AOF}` ? new Promise(() => {}) : undefined);
    it.env.advance(10_000);
    await it.env.settle();
    expect(files.operations.filter((operation) => operation === `lstat ${AOF}`)).toHaveLength(1);
  });

  it('a directory that is gone fails a degraded log too', async () => {
    const it = await opened();
    append(it, 'SET', 'a', '1');
    it.env.files.failNext(/^datasync .*incr/, 'EIO');
    it.env.files.failNext(/^open:create .*incr/, 'EIO', { times: 1000 });
    await it.env.until(() => it.engine.state === 'degraded');
    it.env.files.remove(AOF);
    await it.env.until(() => it.engine.state === 'failed');
    expect(it.engine.failure?.code).toBe('AOF_FAILED');
  });
});

describe('INFO', () => {
  it('aof_current_size is the size of the files as far as they count, also after rolls', async () => {
    const it = await opened({ appendfsync: 'always' });
    const { files } = it.env;
    const sizeOf = () => {
      const extra = { usedMemory: 0, dirty: 0, lastSaveSeconds: 0, keysExpiredOnLoad: 0, keysLoaded: 0 };
      return new Map<string, unknown>(it.engine.info(extra)).get('aof_current_size');
    };
    const onDisk = () =>
      files
        .paths()
        .filter((path) => path.endsWith('.aof'))
        .reduce((sum, path) => sum + (files.content(path)?.length ?? 0), 0);
    const synced = () => outcome(it.env, it.engine.synced(it.engine.appendedLsn));
    append(it, 'SET', 'a', '1');
    await synced();
    expect(sizeOf()).toBe(onDisk());
    for (let i = 0; i < 3; i++) {
      files.failNext(/^datasync .*incr/, 'EIO', { times: 1 + (i % 2) });
      append(it, 'SET', `k${i}`, 'v'.repeat(1000));
      await synced();
      await it.env.settle();
      expect(sizeOf()).toBe(onDisk());
    }
    await outcome(it.env, it.engine.close());
  });
});
