// Records of one pipeline are appended at once, and nobody can tell but by the number of calls: LSNs, order and databases are
// those of appends one by one.
import { describe, expect, it } from 'vitest';
import { Propagator } from '../../src/aof/propagate/propagator.js';
import { CommandParser, Parsed } from '../../src/server/command-parser.js';
import { StoreLog } from '../../src/store/store-log.js';
import { ScriptedLog } from '../support/scripted-log.js';

const RECORD = '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n';
const LIMITS = { bulkBytesMax: 1024, queryBytesMax: 4096 };

function rig() {
  const log = new ScriptedLog();
  const propagator = new Propagator(log);
  const engine = {
    state: 'ready' as const,
    refusal: null,
    isEnabled: true,
    propagator,
    appendedLsn: 0,
    noteAppended(lsn: number) {
      engine.appendedLsn = lsn;
    },
  };
  const storeLog = new StoreLog(engine);
  const parser = new CommandParser(LIMITS);
  /** Feeds a chunk and logs every command in it. */
  const pipeline = (text: string, db = 0): number[] => {
    const lsns: number[] = [];
    parser.feed(Buffer.from(text));
    while (parser.next() === Parsed.command) lsns.push(storeLog.propagateOne(db, parser.argv, true));
    return lsns;
  };
  // Selects database 0.
  storeLog.propagateUnit([{ db: 0, parts: ['SET', 'x', 'y'] }]);
  const before = engine.appendedLsn;
  log.calls.length = 0;
  return { log, engine, propagator, storeLog, pipeline, before };
}

describe('records of one pipeline', () => {
  it('are appended with one call when it is settled, and count from the beginning', () => {
    const { log, engine, storeLog, pipeline, before } = rig();
    const lsns = pipeline(RECORD.repeat(3));
    const size = RECORD.length;
    expect(lsns).toEqual([before + size, before + 2 * size, before + 3 * size]);
    expect([log.calls, engine.appendedLsn, storeLog.appendedLsn]).toEqual([[], before, before + 3 * size]);
    storeLog.settle();
    storeLog.settle();
    expect(log.calls).toEqual([`appendRaw 0 ${3 * size}`]);
    expect(engine.appendedLsn).toBe(before + 3 * size);
    expect(log.value('appendedLsn')).toBe(before + 3 * size);
  });

  it('are cut where something else stands between them', () => {
    const { log, storeLog, pipeline } = rig();
    const size = RECORD.length;
    pipeline(RECORD);
    const parser = new CommandParser(LIMITS);
    parser.feed(Buffer.from(`${RECORD}PING\r\n${RECORD}`));
    parser.next();
    storeLog.propagateOne(0, parser.argv, true);
    parser.next();
    parser.next();
    storeLog.propagateOne(0, parser.argv, true);
    storeLog.settle();
    expect(log.calls).toEqual([`appendRaw 0 ${size}`, `appendRaw 0 ${size}`, `appendRaw ${size + 6} ${2 * size + 6}`]);
  });

  it('are in the log before an execution unit, another database or a time', () => {
    const { log, storeLog, pipeline, propagator } = rig();
    const size = RECORD.length;
    pipeline(RECORD);
    storeLog.propagateUnit([{ db: 0, parts: ['DEL', 'x'] }]);
    pipeline(RECORD);
    pipeline(RECORD, 1);
    propagator.tick(7, true);
    pipeline(RECORD, 1);
    storeLog.settle();
    const one = `appendRaw 0 ${size}`;
    expect(log.calls).toEqual([one, 'append DEL x', one, 'select 1', one, 'timestamp 7', one]);
  });

  it('are not gathered from memory that the parser uses again', () => {
    const { log, pipeline } = rig();
    pipeline(RECORD.slice(0, 9));
    pipeline(RECORD.slice(9));
    expect(log.calls).toEqual([`appendRaw 0 ${RECORD.length}`]);
  });
});
