/** What must hold of an engine at every moment, looked at after each step: watermarks, states, memory, what was logged. */

import type { Engine, EngineState } from '../../../src/engine.js';
import { AofError } from '../../../src/errors.js';
import type { Situations } from './situations.js';
import { Violation } from './violation.js';

/** What may follow on what, directly or with steps in between that nobody saw. */
const MAY_FOLLOW: Readonly<Record<EngineState, readonly EngineState[]>> = {
  opening: ['loading', 'ready', 'degraded', 'failed', 'closed'],
  loading: ['ready', 'degraded', 'failed', 'closed'],
  ready: ['degraded', 'failed', 'closed'],
  degraded: ['ready', 'failed', 'closed'],
  // appendonly no frees a log that has failed.
  failed: ['closed', 'ready'],
  closed: [],
};

/** A filling block, and a unit that was let in below the limit. */
const OVER_LIMIT_BYTES = 3 * 1024 * 1024;

export class Watch {
  private state: EngineState = 'opening';
  private written = 0;
  private synced = 0;
  private logged = 0;

  constructor(
    private readonly engine: Engine,
    private readonly lines: readonly string[],
    private readonly bufferLimitBytes: () => number,
    private readonly situations: Situations,
  ) {}

  look(): void {
    this.lookAtState();
    this.lookAtWatermarks();
    for (; this.logged < this.lines.length; this.logged++) {
      const line = this.lines[this.logged] as string;
      if (/internal error|cron task failed|TypeError|RangeError|undefined/.test(line)) throw new Violation(`logged: ${line}`);
    }
  }

  private lookAtState(): void {
    const { state } = this.engine;
    if (state === this.state) return;
    if (!MAY_FOLLOW[this.state].includes(state)) throw new Violation(`${this.state} was followed by ${state}`);
    this.situations.note(`state: ${this.state} -> ${state}`);
    this.state = state;
    if (state === 'degraded') requireTyped(this.engine.trouble, 'the trouble of a degraded log');
    if (state === 'failed') requireTyped(this.engine.failure, 'the failure of a failed log');
  }

  private lookAtWatermarks(): void {
    const { appendedLsn, writtenLsn, syncedLsn } = this.engine;
    const all = `appended ${appendedLsn}, written ${writtenLsn}, synced ${syncedLsn}`;
    if (!(appendedLsn >= writtenLsn && writtenLsn >= syncedLsn)) throw new Violation(`watermarks out of order: ${all}`);
    if (writtenLsn < this.written) throw new Violation(`written fell from ${this.written}: ${all}`);
    if (syncedLsn < this.synced) throw new Violation(`synced fell from ${this.synced}: ${all}`);
    this.written = writtenLsn;
    this.synced = syncedLsn;
  }

  /** As INFO tells it. */
  lookAtMemory(): void {
    const fields = this.engine.info({ usedMemory: 0, dirty: 0, lastSaveSeconds: 0, keysExpiredOnLoad: 0, keysLoaded: 0 });
    const buffered = Number(fields.find(([name]) => name === 'aof_buffered_bytes')?.[1] ?? 0);
    const limit = this.bufferLimitBytes();
    if (!(buffered >= 0) || buffered > limit + OVER_LIMIT_BYTES)
      throw new Violation(`${buffered} bytes buffered, the limit is ${limit}`);
    if (buffered >= limit) this.situations.note('memory: the budget is used up');
  }
}

/** Errors that users see are values with a code. */
export function requireTyped(error: unknown, what: string): AofError {
  if (error instanceof AofError && /^AOF_[A-Z_]+$/.test(error.code) && error.message !== '') return error;
  throw new Violation(`${what} is ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
}
