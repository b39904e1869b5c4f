// The flusher over a log that does only what the test says: who is resolved when, what is handed over when, what stands still.
import { describe, expect, it } from 'vitest';
import { Flusher } from '../../src/aof/flush/flusher.js';
import { BlockLogFault } from '../../src/backend/backend.js';
import { AofError } from '../../src/errors.js';
import { ManualEnv } from '../support/manual-env.js';
import { ScriptedLog } from '../support/scripted-log.js';

const EIO = 5;

function rig(appendfsync: 'always' | 'everysec' | 'no' = 'everysec', bufferLimitBytes = 1 << 30) {
  const env = ManualEnv.inMemory();
  const log = new ScriptedLog(100);
  const seen: string[] = [];
  const flusher = new Flusher({
    log,
    lsn: 100,
    clock: env.clock,
    settings: { appendfsync, bufferLimitBytes } as never,
    isSyncSuspended: () => false,
    events: {
      progress: () => seen.push('progress'),
      wrote: () => seen.push('wrote'),
      syncedIn: () => seen.push('synced'),
      fault: (fault, errno) => seen.push(`fault ${fault} ${errno}`),
      drain: () => seen.push('drain'),
      delayed: () => seen.push('delayed'),
    },
  });
  const append = (bytes = 10) => {
    const lsn = log.value('appendedLsn') + bytes;
    log.set('appendedLsn', lsn);
    flusher.noteAppended(lsn);
    return lsn;
  };
  /** 'pending' | 'resolved' | the code it was rejected with. */
  const fate = (promise: Promise<void> | null) => {
    const state = { now: promise === null ? 'resolved' : 'pending' };
    promise?.then(
      () => {
        state.now = 'resolved';
      },
      (error: AofError) => {
        state.now = error.code;
      },
    );
    return state;
  };
  return { env, log, flusher, seen, append, fate };
}

describe('the flusher', () => {
  it('resolves a waiter when synced covers it, not when written does', async () => {
    const { env, log, flusher, append, fate } = rig();
    const waiting = fate(flusher.synced(append()));
    flusher.run();
    expect(log.calls).toEqual(['flush sync']);
    log.written();
    flusher.look();
    await env.settle();
    expect(waiting.now).toBe('pending');
    log.synced();
    flusher.look();
    await env.settle();
    expect(waiting.now).toBe('resolved');
  });

  it('resolves a waiter of a sync that an append was the first to notice', async () => {
    const { env, log, flusher, append, fate, seen } = rig();
    const waiting = fate(flusher.synced(append()));
    flusher.run();
    log.synced(110);
    // So much that the memory in use is looked at, before the progress call comes.
    append(512 * 1024);
    seen.length = 0;
    flusher.look();
    await env.settle();
    expect(waiting.now).toBe('resolved');
    expect(seen).toContain('progress');
  });

  it('everysec syncs a second after the last one and always at once', () => {
    const everysec = rig('everysec');
    everysec.append();
    everysec.flusher.run();
    expect(everysec.log.calls).toEqual(['flush']);
    everysec.env.advance(1000);
    everysec.flusher.run();
    expect(everysec.log.calls).toEqual(['flush', 'flush sync']);
    const always = rig('always');
    always.append();
    always.flusher.run();
    expect(always.log.calls).toEqual(['flush sync']);
  });

  it('serves a waiter that came while a sync was under way by one more', () => {
    const { log, flusher, append } = rig();
    void flusher.synced(append());
    flusher.run();
    const second = append();
    void flusher.synced(second);
    flusher.run();
    expect(log.calls).toEqual(['flush sync', 'flush sync']);
    log.synced(110);
    flusher.look();
    expect(flusher.syncedLsn).toBe(110);
    expect(log.calls).toHaveLength(2);
  });

  it('hands nothing over while there is a fault, and asks once more when it is gone', () => {
    const { log, flusher, append, seen } = rig('always');
    append();
    flusher.run();
    log.fails(BlockLogFault.write, 28);
    flusher.look();
    expect(seen).toContain('fault 1 28');
    append();
    flusher.run();
    expect(log.calls).toEqual(['flush sync']);
    flusher.resume();
    flusher.look();
    expect(log.calls).toEqual(['flush sync', 'resume', 'flush sync']);
  });

  it('tells of a fault once', () => {
    const { log, flusher, seen } = rig();
    log.fails(BlockLogFault.sync, EIO);
    flusher.look();
    flusher.look();
    expect(seen.filter((what) => what.startsWith('fault'))).toEqual(['fault 2 5']);
  });

  describe('while held', () => {
    it.each(['always', 'everysec', 'no'] as const)('replies wait under %s, also when a write takes long', (policy) => {
      const { log, flusher, append } = rig(policy);
      log.synced(append());
      flusher.look();
      flusher.hold(true);
      append();
      log.written();
      log.synced();
      log.set('writeAgeMicros', 500_000);
      flusher.look();
      expect(flusher.answerableLsn).toBe(110);
      expect([flusher.writtenLsn, flusher.syncedLsn, flusher.rawSyncedLsn]).toEqual([110, 110, 120]);
      log.set('writeAgeMicros', 0);
      flusher.look();
      flusher.hold(false);
      expect(flusher.answerableLsn).toBe(120);
    });

    it('nobody is resolved before the release, and everybody who is covered with it', async () => {
      const { env, log, flusher, append, fate, seen } = rig('always');
      flusher.hold(true);
      const first = fate(flusher.synced(append()));
      const second = fate(flusher.synced(append()));
      log.synced(110);
      flusher.look();
      await env.settle();
      expect(first.now).toBe('pending');
      seen.length = 0;
      flusher.hold(false);
      await env.settle();
      expect([first.now, second.now]).toEqual(['resolved', 'pending']);
      expect(seen).toContain('progress');
    });

    it('nothing is handed over, and after the release what is not synced is asked for again', () => {
      const { log, flusher, append } = rig('always');
      append();
      flusher.run();
      flusher.hold(true);
      append();
      flusher.run();
      expect(log.calls).toEqual(['flush sync']);
      flusher.hold(false);
      flusher.look();
      expect(log.calls).toEqual(['flush sync', 'flush sync']);
    });

    it('the age of the oldest un-synced byte ends with the release when all is synced', () => {
      const { env, log, flusher, append } = rig('always');
      append();
      flusher.run();
      flusher.hold(true);
      env.advance(300);
      expect(flusher.oldestUnsyncedMs).toBe(300);
      log.written();
      log.synced();
      flusher.look();
      flusher.hold(false);
      env.advance(300);
      expect(flusher.oldestUnsyncedMs).toBe(0);
    });
  });

  it('stopped, it rejects who waits and acknowledges nothing any more', async () => {
    const { env, log, flusher, append, fate } = rig('always');
    const waiting = fate(flusher.synced(append()));
    flusher.stop(new AofError('AOF_FAILED', 'gone'));
    log.synced();
    flusher.look();
    flusher.hold(false);
    await env.settle();
    expect(waiting.now).toBe('AOF_FAILED');
    expect([flusher.syncedLsn, flusher.answerableLsn]).toEqual([100, 100]);
    append();
    flusher.run();
    expect(log.calls).toEqual([]);
  });

  it('syncs early from a quarter of the budget on, is unwritable from half of it, and tells when a quarter is left', () => {
    const { log, flusher, append, seen } = rig('everysec', 1000);
    append();
    flusher.run();
    log.calls.length = 0;
    log.set('bufferedBytes', 249);
    flusher.look();
    expect(log.calls).toEqual([]);
    log.set('bufferedBytes', 250);
    flusher.look();
    expect([flusher.isWritable, log.calls]).toEqual([true, ['flush sync']]);
    log.set('bufferedBytes', 500);
    flusher.look();
    expect(flusher.isWritable).toBe(false);
    log.set('bufferedBytes', 250);
    flusher.look();
    expect(flusher.isWritable).toBe(false);
    log.set('bufferedBytes', 249);
    flusher.look();
    expect(flusher.isWritable).toBe(true);
    expect(seen).toContain('drain');
    log.set('bufferedBytes', 1000);
    flusher.look();
    expect(flusher.isFull).toBe(true);
  });

  it('counts a write that is under way for over two seconds once', () => {
    const { log, flusher } = rig();
    log.set('writeAgeMicros', 2_000_001);
    flusher.look();
    flusher.look();
    expect(flusher.delayedFsyncs).toBe(1);
    log.set('writeAgeMicros', 0);
    flusher.look();
    log.set('writeAgeMicros', 2_000_001);
    flusher.look();
    expect(flusher.delayedFsyncs).toBe(2);
  });
});

describe('under no', () => {
  it('what is written is kept from the first wait on, until it takes a quarter of the budget', () => {
    const { log, flusher, append, fate } = rig('no', 1000);
    append();
    flusher.run();
    expect(log.calls.splice(0)).toEqual(['flush']);
    fate(flusher.synced(append()));
    fate(flusher.synced(append()));
    expect(log.calls.splice(0)).toEqual(['retain true']);
    log.synced(log.value('appendedLsn'));
    flusher.look();
    expect(log.calls.splice(0)).toEqual([]);
    log.set('bufferedBytes', 250);
    flusher.look();
    expect(log.calls.splice(0)).toContain('retain false');
    // No room: the next wait does not begin to keep.
    fate(flusher.synced(append()));
    expect(log.calls.splice(0)).not.toContain('retain true');
    log.set('bufferedBytes', 10);
    flusher.look();
    log.calls.length = 0;
    fate(flusher.synced(append()));
    expect(log.calls).toEqual(['retain true']);
  });

  it('other policies keep anyway', () => {
    const { log, flusher, append, fate } = rig('everysec');
    fate(flusher.synced(append()));
    flusher.settingsChanged();
    expect(log.calls).toEqual(['retain true']);
  });
});
