/** A backend that tells of every execution unit that is appended, as the log itself sees it. */
import type { Arg, Backend, BlockLog, BlockLogOptions } from '../../../src/backend/backend.js';

export interface LoggedCommand {
  readonly db: number;
  readonly argv: readonly Buffer[];
}

export interface UnitListener {
  /** A log was opened, at this LSN. */
  opened(lsn: number): void;
  /** These commands were appended as one unit, which ends at `lsn`. */
  unit(commands: readonly LoggedCommand[], lsn: number): void;
}

/** Logs of temporary files are bases, not history. */
const isHistory = (path: string) => /\.incr\.aof$/.test(path);

export function recordingBackend(backend: Backend, listener: UnitListener): Backend {
  return {
    kind: backend.kind,
    reason: backend.reason,
    openReader: (options) => backend.openReader(options),
    tryFileLock: (path) => backend.tryFileLock(path),
    openLog: async (options: BlockLogOptions) => {
      const log = await backend.openLog(options);
      if (!isHistory(options.path)) return log;
      listener.opened(options.lsn);
      return recordingLog(log, listener);
    },
  };
}

function recordingLog(log: BlockLog, listener: UnitListener): BlockLog {
  let db = 0;
  let unit: LoggedCommand[] | null = null;
  let unitLsn = 0;
  const note = (lsn: number, argv: readonly Buffer[]): number => {
    if (unit === null) listener.unit([{ db, argv }], lsn);
    else {
      unitLsn = lsn;
      if (argv.length > 1 || !/^(MULTI|EXEC)$/.test(String(argv[0]))) unit.push({ db, argv });
    }
    return lsn;
  };
  const noteRaw = (lsn: number, bytes: Uint8Array, start: number, end: number): number => {
    const records = parseRecords(Buffer.from(bytes.subarray(start, end)));
    let at = lsn - (end - start);
    for (const { argv, length } of records) {
      at += length;
      note(at, argv);
    }
    return lsn;
  };
  const taps: Partial<BlockLog> = {
    append: (...argv) => note(log.append(...argv), argv.map(bytesOf)),
    appendArray: (argv) => note(log.appendArray(argv), argv.map(bytesOf)),
    appendRaw: (bytes, start, end) => noteRaw(log.appendRaw(bytes, start, end), bytes, start, end),
    appendRawChecked: (bytes, start, end) => {
      const lsn = log.appendRawChecked(bytes, start, end);
      return lsn < 0 ? lsn : noteRaw(lsn, bytes, start, end);
    },
    select: (selected) => {
      const lsn = log.select(selected);
      db = selected;
      return lsn;
    },
    beginUnit: () => {
      log.beginUnit();
      unit = [];
    },
    endUnit: () => {
      log.endUnit();
      const commands = unit ?? [];
      unit = null;
      listener.unit(commands, unitLsn);
    },
  };
  return new Proxy(log, {
    get: (target, key) => {
      const tap = taps[key as keyof BlockLog];
      if (tap !== undefined) return tap;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function bytesOf(arg: Arg): Buffer {
  return arg instanceof Uint8Array ? Buffer.from(arg) : Buffer.from(String(arg));
}

/** Canonical records; the bytes of the arguments are copies. */
export function parseRecords(bytes: Buffer): Array<{ argv: Buffer[]; length: number }> {
  const records: Array<{ argv: Buffer[]; length: number }> = [];
  let at = 0;
  const number = () => {
    const end = bytes.indexOf('\r\n', at);
    const value = Number(bytes.latin1Slice(at + 1, end));
    at = end + 2;
    return value;
  };
  while (at < bytes.length) {
    const start = at;
    const argv: Buffer[] = [];
    for (let left = number(); left > 0; left--) {
      const length = number();
      argv.push(bytes.subarray(at, at + length));
      at += length + 2;
    }
    records.push({ argv, length: at - start });
  }
  return records;
}
