import { describe, expect, it } from 'vitest';
import { dueGrowth } from '../../src/aof/rewrite/growth-policy.js';
import { RewriteLimiter } from '../../src/aof/rewrite/rewrite-limiter.js';
import {
  IDLE_TURN_MS,
  IDLE_TURNS,
  OTHERS_SHARE,
  SLICE_BUSY_MS,
  SLICE_MAX_MS,
  SlicePacer,
} from '../../src/aof/rewrite/slice-policy.js';

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

describe('the pace of slices', () => {
  const turns = (pacer: SlicePacer, count: number, ms: number) => {
    for (let i = 0; i < count; i++) pacer.noteTurn(ms);
  };

  it('is short slices on a busy loop, and others have several times as long between them', () => {
    const pacer = new SlicePacer();
    expect(pacer.sliceMs).toBe(SLICE_BUSY_MS);
    pacer.noteSlice(0.25);
    expect(pacer.isDue).toBe(false);
    pacer.noteTurn(0.25 * OTHERS_SHARE - 0.125);
    expect(pacer.isDue).toBe(false);
    pacer.noteTurn(0.125);
    expect([pacer.isDue, pacer.sliceMs]).toEqual([true, SLICE_BUSY_MS]);
  });

  it('pays back what a slice took beyond its length', () => {
    const pacer = new SlicePacer();
    pacer.noteSlice(10);
    pacer.noteTurn(10 * OTHERS_SHARE - 1);
    expect(pacer.isDue).toBe(false);
    pacer.noteTurn(1);
    expect(pacer.isDue).toBe(true);
  });

  it('is full slices, one behind the other, after a row of idle turns', () => {
    const pacer = new SlicePacer();
    pacer.noteSlice(0.25);
    turns(pacer, IDLE_TURNS - 1, 0);
    expect(pacer.isDue).toBe(false);
    pacer.noteTurn(IDLE_TURN_MS);
    expect([pacer.isDue, pacer.sliceMs]).toEqual([true, SLICE_MAX_MS]);
    pacer.noteSlice(SLICE_MAX_MS);
    expect(pacer.isDue).toBe(false);
    pacer.noteTurn(0);
    expect([pacer.isDue, pacer.sliceMs]).toEqual([true, SLICE_MAX_MS]);
  });

  it('takes one turn with work in it to be busy again', () => {
    const pacer = new SlicePacer();
    turns(pacer, IDLE_TURNS, 0);
    pacer.noteSlice(SLICE_MAX_MS);
    pacer.noteTurn(IDLE_TURN_MS + 0.01);
    expect([pacer.isDue, pacer.sliceMs]).toEqual([false, SLICE_BUSY_MS]);
    turns(pacer, IDLE_TURNS - 1, 0.02);
    expect(pacer.isDue).toBe(false);
    pacer.noteTurn(0);
    expect(pacer.isDue).toBe(true);
  });

  it('of slices that took no time is one a turn', () => {
    const pacer = new SlicePacer();
    pacer.noteSlice(0);
    expect([pacer.isDue, pacer.sliceMs]).toEqual([true, SLICE_BUSY_MS]);
  });
});
