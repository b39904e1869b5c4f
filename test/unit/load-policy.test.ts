import { describe, expect, it } from 'vitest';
import { decideLoad, type LoadContext } from '../../src/aof/load/load-policy.js';
import type { ReadOutcome } from '../../src/backend/backend.js';

const last: LoadContext = { path: '/d/a.1.incr.aof', name: 'a.1.incr.aof', isLast: true, loadTruncated: true };
const notLast = { ...last, isLast: false };

const clean: ReadOutcome = {
  status: 'clean',
  fileSize: 1000,
  commands: 10,
  validEnd: 1000,
  unitStart: 1000,
  openMulti: false,
  unitRecordOffset: 1000,
  unitRecordLsn: 900,
  commandsInOpenUnit: 0,
  lsn: 900,
  unitLsn: 900,
  badOffset: -1,
  isBadInPlain: false,
  found: '',
  expected: '',
  isAnnotated: true,
  evidenceLsn: 800,
  isBadAfterClose: false,
  nextGoodOffset: -1,
  recordsAfterBad: 0,
  endMark: '',
  foreignBytes: 0,
  sessions: 1,
  blocks: 5,
  seconds: 0,
  foreignCut: '',
};

/** Ends badly at offset 700, lsn 600. */
const torn: ReadOutcome = {
  ...clean,
  status: 'truncated',
  validEnd: 700,
  unitStart: 700,
  unitRecordOffset: 700,
  unitRecordLsn: 600,
  lsn: 600,
  unitLsn: 600,
  badOffset: 700,
  found: 'x',
  expected: 'y',
  evidenceLsn: 600,
};
const bad: ReadOutcome = { ...torn, status: 'malformed' };
const plain = { isAnnotated: false, isBadInPlain: true, evidenceLsn: -1 };

describe('load policy', () => {
  it('goes on after a clean file', () => {
    expect(decideLoad(clean, last)).toEqual({ kind: 'ok' });
    expect(decideLoad(clean, notLast)).toEqual({ kind: 'ok' });
  });

  it('cuts a block that is bad at or beyond what was known to be synced, and refuses one below it', () => {
    expect(decideLoad(bad, last)).toMatchObject({ kind: 'cut', offset: 700, lsn: 600 });
    expect(decideLoad({ ...bad, evidenceLsn: 601 }, last)).toMatchObject({ kind: 'refuse', code: 'AOF_CORRUPT', offset: 700 });
    expect(decideLoad({ ...torn, evidenceLsn: 601 }, last)).toMatchObject({ kind: 'refuse', code: 'AOF_CORRUPT' });
  });

  it('cuts although good blocks stand behind the hole, as long as none of them testifies', () => {
    expect(decideLoad({ ...bad, nextGoodOffset: 800 }, last)).toMatchObject({ kind: 'cut' });
  });

  it('refuses anything bad behind a clean close', () => {
    expect(decideLoad({ ...bad, isBadAfterClose: true }, last)).toMatchObject({ kind: 'refuse', code: 'AOF_CORRUPT' });
  });

  it('refuses anything bad in a file that is not the last', () => {
    for (const outcome of [torn, bad, { ...torn, ...plain }]) {
      expect(decideLoad(outcome, notLast)).toMatchObject({ kind: 'refuse', code: 'AOF_CORRUPT' });
    }
    expect(decideLoad({ ...clean, openMulti: true, unitStart: 900, unitRecordOffset: 900 }, notLast)).toMatchObject({
      kind: 'refuse',
    });
  });

  it('cuts before an open MULTI, not behind its last queued command', () => {
    const open = {
      ...torn,
      openMulti: true,
      unitStart: 500,
      unitRecordOffset: 530,
      unitLsn: 450,
      unitRecordLsn: 450,
      commandsInOpenUnit: 2,
    };
    expect(decideLoad(open, last)).toMatchObject({ kind: 'cut', offset: 500, lsn: 450, commands: 2 });
    expect(decideLoad({ ...open, status: 'clean', validEnd: 1000 }, last)).toMatchObject({ kind: 'cut', offset: 500 });
  });

  it('refuses when the cut would take whole commands that stand before the unit in its block', () => {
    const open = { ...torn, openMulti: true, unitStart: 500, unitLsn: 450, unitRecordOffset: 560, unitRecordLsn: 480 };
    expect(decideLoad(open, last)).toMatchObject({ kind: 'refuse', offset: 560 });
  });

  it('plain RESP: a torn tail is cut, a bad byte refuses, and so does a torn record followed by three whole ones', () => {
    expect(decideLoad({ ...torn, ...plain }, last)).toMatchObject({ kind: 'cut', offset: 700 });
    expect(decideLoad({ ...bad, ...plain }, last)).toMatchObject({ kind: 'refuse', code: 'AOF_CORRUPT' });
    expect(decideLoad({ ...torn, ...plain, recordsAfterBad: 3 }, last)).toMatchObject({ kind: 'refuse', code: 'AOF_CORRUPT' });
    expect(decideLoad({ ...torn, ...plain, recordsAfterBad: 2 }, last)).toMatchObject({ kind: 'cut' });
  });

  it('with aof-load-truncated no a torn tail refuses with the two ways out', () => {
    const decision = decideLoad(torn, { ...last, loadTruncated: false });
    expect(decision).toMatchObject({ kind: 'refuse', code: 'AOF_TRUNCATED' });
    expect(decision.kind === 'refuse' && decision.message).toContain("'aof-load-truncated' configuration option to yes");
  });

  it('never takes RDB for empty', () => {
    expect(decideLoad({ ...clean, status: 'rdb' }, last)).toMatchObject({ kind: 'refuse', code: 'AOF_UNSUPPORTED' });
  });
});
