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

  it('behind a clean close a torn session is cut, and one that a later block testifies to refuses', () => {
    // The power was lost before the first sync after a start: at most the beginning of the new session is missing.
    const closed = { isBadAfterClose: true, evidenceLsn: 600 };
    expect(decideLoad({ ...torn, ...closed }, last)).toMatchObject({ kind: 'cut', offset: 700, lsn: 600 });
    for (const what of [{ found: '0x00' }, { expected: 'crc 01234567' }, { expected: 'an #EVS1 line of known form' }]) {
      const missing = { ...bad, ...closed, ...what };
      expect(decideLoad(missing, last)).toMatchObject({ kind: 'cut', offset: 700, lsn: 600 });
      expect(decideLoad({ ...missing, evidenceLsn: 640 }, last)).toMatchObject({ kind: 'refuse', code: 'AOF_CORRUPT' });
      expect(decideLoad(missing, notLast)).toMatchObject({ kind: 'refuse', code: 'AOF_CORRUPT' });
    }
  });

  it('refuses what no session can have left behind a clean close', () => {
    for (const what of [{ found: "'x'" }, { found: 'a block without s=', expected: 'a block that begins a session' }])
      expect(decideLoad({ ...bad, isBadAfterClose: true, ...what }, last)).toMatchObject({ kind: 'refuse', code: 'AOF_CORRUPT' });
  });

  it('cuts a file whose first page is missing, unless records or a witness stand behind it', () => {
    const start = { badOffset: 0, validEnd: 0, unitStart: 0, lsn: 50, unitLsn: 50, unitRecordOffset: 0, unitRecordLsn: 50 };
    const missing = { ...bad, ...plain, ...start, found: '0x00', expected: "'*' or '#'" };
    expect(decideLoad(missing, last)).toMatchObject({ kind: 'cut', offset: 0, lsn: 50 });
    expect(decideLoad({ ...missing, isAnnotated: true, evidenceLsn: 50 }, last)).toMatchObject({ kind: 'cut', offset: 0 });
    expect(decideLoad({ ...missing, isAnnotated: true, evidenceLsn: 51 }, last)).toMatchObject({ kind: 'refuse' });
    expect(decideLoad({ ...missing, recordsAfterBad: 3 }, last)).toMatchObject({ kind: 'refuse' });
    const checksummed = { ...last, isChecksummed: true };
    expect(decideLoad({ ...missing, recordsAfterBad: 3 }, checksummed)).toMatchObject({ kind: 'cut', offset: 0, lsn: 50 });
    expect(decideLoad({ ...missing, recordsAfterBad: 3, isAnnotated: true, evidenceLsn: 51 }, checksummed)).toMatchObject({
      kind: 'refuse',
    });
    expect(decideLoad({ ...missing, found: "'+'" }, last)).toMatchObject({ kind: 'refuse' });
    expect(decideLoad(missing, notLast)).toMatchObject({ kind: 'refuse' });
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
