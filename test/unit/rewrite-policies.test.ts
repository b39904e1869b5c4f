import { describe, expect, it } from 'vitest';
import { dueGrowth } from '../../src/aof/rewrite/growth-policy.js';
import { RewriteLimiter } from '../../src/aof/rewrite/rewrite-limiter.js';
import { SLICE_MAX_MS, SLICE_MIN_MS, sliceMs } from '../../src/aof/rewrite/slice-policy.js';

const MIB = 1024 * 1024;

describe('growth that asks for a rewrite', () => {
  const state = { percentage: 100, minSizeBytes: 64 * MIB, currentSizeBytes: 128 * MIB, baseSizeBytes: 64 * MIB };

  it('is reached exactly at the percentage, in whole percent', () => {
    expect(dueGrowth(state)).toBe(100);
    expect(dueGrowth({ ...state, currentSizeBytes: 128 * MIB - 1 })).toBe(null);
    expect(dueGrowth({ ...state, percentage: 99, currentSizeBytes: 128 * MIB - 1 })).toBe(99);
  });

  it('leaves a log alone that is not larger than the minimum', () => {
    const small = { ...state, baseSizeBytes: 0 };
    expect(dueGrowth({ ...small, currentSizeBytes: 64 * MIB })).toBe(null);
    expect(dueGrowth({ ...small, currentSizeBytes: 64 * MIB + 1 })).toBe((64 * MIB + 1) * 100 - 100);
  });

  it('never asks at 0 percent, nor when the log has shrunk', () => {
    expect(dueGrowth({ ...state, percentage: 0 })).toBe(null);
    expect(dueGrowth({ ...state, percentage: 1, baseSizeBytes: 256 * MIB })).toBe(null);
  });
});

describe('the limit on rewrites that fail', () => {
  it('begins with the third failure in a row and doubles up to an hour', () => {
    const limiter = new RewriteLimiter();
    const waits = Array.from({ length: 11 }, () => limiter.noteFailure(0));
    expect(waits).toEqual([0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
    expect(limiter.failures).toBe(11);
  });

  it('is over when its time has come, and after a success', () => {
    const limiter = new RewriteLimiter();
    for (let i = 0; i < 2; i++) limiter.noteFailure(5000);
    expect(limiter.isLimited(5000)).toBe(false);
    limiter.noteFailure(5000);
    expect(limiter.isLimited(64_999)).toBe(true);
    expect(limiter.isLimited(65_000)).toBe(false);
    limiter.noteFailure(65_000);
    limiter.reset();
    expect([limiter.isLimited(65_001), limiter.failures]).toEqual([false, 0]);
  });
});

describe('the length of a slice', () => {
  it('is full on an idle loop and at most half of a busy turn', () => {
    expect(sliceMs(0)).toBe(SLICE_MAX_MS);
    expect(sliceMs(0.2)).toBe(SLICE_MAX_MS);
    expect(sliceMs(0.3)).toBe(SLICE_MIN_MS);
    expect(sliceMs(1)).toBe(0.5);
    expect(sliceMs(50)).toBe(SLICE_MAX_MS);
  });
});
