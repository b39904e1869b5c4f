import { describe, expect, it } from 'vitest';
import { SyncWaiters } from '../../src/aof/flush/sync-waiters.js';

async function settled(promise: Promise<void>): Promise<'resolved' | 'rejected' | 'pending'> {
  const outcome = promise.then(
    () => 'resolved' as const,
    () => 'rejected' as const,
  );
  return Promise.race([outcome, new Promise<'pending'>((resolve) => setImmediate(() => resolve('pending')))]);
}

describe('waiters for synced', () => {
  it('resolves those at or below the watermark and no others', async () => {
    const waiters = new SyncWaiters();
    const [ten, twenty] = [waiters.wait(10), waiters.wait(20)];
    waiters.resolveUpTo(10);
    expect(await settled(ten)).toBe('resolved');
    expect(await settled(twenty)).toBe('pending');
    expect(waiters.highestLsn).toBe(20);
    waiters.resolveUpTo(25);
    expect(await settled(twenty)).toBe('resolved');
    expect(waiters.size).toBe(0);
  });

  it('keeps its order when a lower LSN comes later, and shares one promise per LSN', async () => {
    const waiters = new SyncWaiters();
    const late = waiters.wait(30);
    const early = waiters.wait(10);
    expect(waiters.wait(10)).toBe(early);
    expect(waiters.size).toBe(2);
    waiters.resolveUpTo(10);
    expect(await settled(early)).toBe('resolved');
    expect(await settled(late)).toBe('pending');
  });

  it('rejects all that are left', async () => {
    const waiters = new SyncWaiters();
    const waiting = [waiters.wait(1), waiters.wait(2)];
    waiters.rejectAll(new Error('gone'));
    for (const promise of waiting) expect(await settled(promise)).toBe('rejected');
    expect(waiters.highestLsn).toBe(0);
  });

  it('does not grow without end when thousands come and go', () => {
    const waiters = new SyncWaiters();
    for (let lsn = 1; lsn <= 10_000; lsn++) {
      void waiters.wait(lsn + 5);
      waiters.resolveUpTo(lsn);
    }
    expect(waiters.size).toBe(5);
  });
});
