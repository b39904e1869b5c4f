import { describe, expect, it } from 'vitest';
import { answerableLsn, mayAnswerAhead } from '../../src/aof/flush/answer-policy.js';
import { decideFlush, type FlushState } from '../../src/aof/flush/flush-policy.js';

const idle: FlushState = {
  policy: 'everysec',
  appendedLsn: 100,
  flushedLsn: 100,
  syncedLsn: 100,
  syncRequestedLsn: 100,
  isSyncing: false,
  lastSyncAtMs: 0,
  wantedLsn: 0,
  isSyncSuspended: false,
  isUnderPressure: false,
  nowMs: 500,
};

describe('flush policy', () => {
  it('does nothing when nothing was appended', () => {
    expect(decideFlush(idle)).toEqual({ flush: false, sync: false });
  });

  it('everysec hands over at once and syncs only after a second', () => {
    const written = { ...idle, appendedLsn: 200 };
    expect(decideFlush(written)).toEqual({ flush: true, sync: false });
    expect(decideFlush({ ...written, nowMs: 999 })).toEqual({ flush: true, sync: false });
    expect(decideFlush({ ...written, nowMs: 1000 })).toEqual({ flush: true, sync: true });
  });

  it('everysec syncs what an earlier flush handed over, though the buffer is empty', () => {
    const handedOver = { ...idle, appendedLsn: 200, flushedLsn: 200 };
    expect(decideFlush({ ...handedOver, nowMs: 1000 })).toEqual({ flush: false, sync: true });
  });

  it('everysec asks for no second sync while one is under way', () => {
    expect(decideFlush({ ...idle, appendedLsn: 200, isSyncing: true, nowMs: 5000 }).sync).toBe(false);
  });

  it('always syncs whatever is not yet asked for, also while a sync is under way', () => {
    const always = { ...idle, policy: 'always', appendedLsn: 200, isSyncing: true } as const;
    expect(decideFlush(always)).toEqual({ flush: true, sync: true });
    expect(decideFlush({ ...always, flushedLsn: 200, syncRequestedLsn: 200 })).toEqual({ flush: false, sync: false });
  });

  it('no never syncs by itself, but does for a waiter', () => {
    const no = { ...idle, policy: 'no', appendedLsn: 200, nowMs: 1e6 } as const;
    expect(decideFlush(no)).toEqual({ flush: true, sync: false });
    expect(decideFlush({ ...no, wantedLsn: 200 })).toEqual({ flush: true, sync: true });
    expect(decideFlush({ ...no, wantedLsn: 200, syncRequestedLsn: 200, flushedLsn: 200 }).sync).toBe(false);
  });

  it('a suspended sync (no-appendfsync-on-rewrite) is suspended for the policies and not for waiters', () => {
    const suspended = { ...idle, policy: 'always', appendedLsn: 200, isSyncSuspended: true } as const;
    expect(decideFlush(suspended)).toEqual({ flush: true, sync: false });
    expect(decideFlush({ ...suspended, wantedLsn: 150 }).sync).toBe(true);
  });

  it('near the memory limit an early sync is forced, except under no, which keeps nothing after write', () => {
    expect(decideFlush({ ...idle, appendedLsn: 200, isUnderPressure: true }).sync).toBe(true);
    expect(decideFlush({ ...idle, appendedLsn: 200, isUnderPressure: true, isSyncing: true }).sync).toBe(false);
    expect(decideFlush({ ...idle, policy: 'no', appendedLsn: 200, isUnderPressure: true }).sync).toBe(false);
  });
});

describe('answer policy', () => {
  const state = {
    policy: 'everysec',
    isSyncSuspended: false,
    writtenLsn: 50,
    syncedLsn: 20,
    writeAgeMs: 0,
    hasFault: false,
  } as const;

  it('always waits for synced, the others for written', () => {
    expect(answerableLsn({ ...state, policy: 'always' })).toBe(20);
    expect(answerableLsn(state)).toBe(50);
    expect(answerableLsn({ ...state, policy: 'no' })).toBe(50);
  });

  it('always with a suspended sync waits for written', () => {
    expect(answerableLsn({ ...state, policy: 'always', isSyncSuspended: true })).toBe(50);
  });

  it('replies run ahead of a stalled writer, for two seconds and no longer', () => {
    expect(mayAnswerAhead({ ...state, writeAgeMs: 100 })).toBe(false);
    expect(answerableLsn({ ...state, writeAgeMs: 101 })).toBe(Number.POSITIVE_INFINITY);
    expect(answerableLsn({ ...state, writeAgeMs: 1999 })).toBe(Number.POSITIVE_INFINITY);
    expect(answerableLsn({ ...state, writeAgeMs: 2000 })).toBe(50);
  });

  it('replies never run ahead under always or of a faulty disk', () => {
    expect(answerableLsn({ ...state, policy: 'always', writeAgeMs: 500 })).toBe(20);
    expect(answerableLsn({ ...state, writeAgeMs: 500, hasFault: true })).toBe(50);
  });
});
