// Effects become records: SELECT where the database changes, MULTI and EXEC around a unit, and never half a unit.
import { describe, expect, it } from 'vitest';
import { Propagator } from '../../src/aof/propagate/propagator.js';
import type { Arg } from '../../src/backend/backend.js';
import { ScriptedLog } from '../support/scripted-log.js';

function rig() {
  const log = new ScriptedLog();
  return { log, propagator: new Propagator(log) };
}

describe('the propagator', () => {
  it('selects a database when it changes, and at the start', () => {
    const { log, propagator } = rig();
    propagator.append(0, ['SET', 'a', '1']);
    propagator.append(0, ['SET', 'b', '1']);
    propagator.append(2, ['SET', 'c', '1']);
    expect(log.calls).toEqual(['select 0', 'append SET a 1', 'append SET b 1', 'select 2', 'append SET c 1']);
  });

  it('forgets the database with a new log', () => {
    const { log, propagator } = rig();
    propagator.append(5, ['SET', 'a', '1']);
    propagator.retarget(log);
    propagator.append(5, ['SET', 'b', '1']);
    expect(log.calls.filter((call) => call === 'select 5')).toHaveLength(2);
  });

  it('wraps a unit of several commands and leaves one alone bare', () => {
    const { log, propagator } = rig();
    propagator.appendUnit([{ db: 0, parts: ['SET', 'a', '1'] }]);
    const lsn = propagator.appendUnit([
      { db: 0, parts: ['SET', 'b', '1'] },
      { db: 1, parts: ['SET', 'c', '1'] },
    ]);
    expect(log.calls).toEqual([
      'select 0',
      'append SET a 1',
      'beginUnit',
      'append MULTI',
      'append SET b 1',
      'select 1',
      'append SET c 1',
      'append EXEC',
      'endUnit',
    ]);
    expect(lsn).toBe(log.value('appendedLsn'));
  });

  it.each([
    ['an argument of no known type', ['SET', 'b', {} as Arg], TypeError],
    ['no argument at all', [], RangeError],
  ])('a unit with %s in its second command appends nothing', (_, parts, error) => {
    const { log, propagator } = rig();
    const unit = [
      { db: 0, parts: ['SET', 'a', '1'] },
      { db: 0, parts },
    ];
    expect(() => propagator.appendUnit(unit)).toThrow(error);
    expect(log.calls).toEqual([]);
    propagator.appendUnit(unit.slice(0, 1));
    expect(log.calls).toEqual(['select 0', 'append SET a 1']);
  });

  it('a unit for a database that cannot be appends nothing', () => {
    for (const db of [-1, 1.5, Number.NaN]) {
      const { log, propagator } = rig();
      const unit = [
        { db: 0, parts: ['SET', 'a', '1'] },
        { db, parts: ['SET', 'b', '1'] },
      ];
      expect(() => propagator.appendUnit(unit)).toThrow(RangeError);
      expect(log.calls).toEqual([]);
    }
  });

  it('writes a time line when the second has changed, in front of the command and of MULTI', () => {
    const { log, propagator } = rig();
    propagator.tick(1000, true);
    propagator.append(0, ['SET', 'a', '1']);
    propagator.append(0, ['SET', 'b', '1']);
    propagator.tick(1001, true);
    propagator.appendUnit([
      { db: 0, parts: ['SET', 'c', '1'] },
      { db: 0, parts: ['SET', 'd', '1'] },
    ]);
    expect(log.calls.filter((call) => /timestamp|MULTI|append SET a/.test(call))).toEqual([
      'timestamp 1000',
      'append SET a 1',
      'timestamp 1001',
      'append MULTI',
    ]);
  });
});
