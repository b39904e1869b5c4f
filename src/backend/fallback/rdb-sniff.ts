/** Files that begin with an RDB: told, not read. */
import type { ReadOutcome } from '../backend.js';

/** Bytes that must be seen to tell (fewer when the file is shorter). */
export const rdbMagicBytes = 6;

export function isRdb(bytes: Buffer, start: number, end: number): boolean {
  const magic = bytes.latin1Slice(start, Math.min(end, start + rdbMagicBytes));
  return magic.startsWith('REDIS') || magic === 'VALKEY';
}

export function rdbOutcome(fileSize: number, lsn: number): ReadOutcome {
  return {
    status: 'rdb',
    fileSize,
    commands: 0,
    validEnd: 0,
    unitStart: 0,
    openMulti: false,
    unitRecordOffset: 0,
    unitRecordLsn: lsn,
    commandsInOpenUnit: 0,
    lsn,
    unitLsn: lsn,
    badOffset: -1,
    isBadInPlain: false,
    found: '',
    expected: '',
    isAnnotated: false,
    evidenceLsn: -1,
    isBadAfterClose: false,
    nextGoodOffset: -1,
    recordsAfterBad: 0,
    endMark: '',
    foreignBytes: 0,
    sessions: 0,
    blocks: 0,
    seconds: 0,
    foreignCut: '',
  };
}
