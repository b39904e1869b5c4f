/**
 * ready -> degraded -> ready, or failed: what a fault of the log means for those who append and wait. fault-policy decides, roll.ts
 * performs; this keeps the state, the refusal that writers read, and the clock of retries.
 */
import { type BlockLog, BlockLogFault, Status } from '../../backend/backend.js';
import type { Env } from '../../env/env.js';
import { AofError, toAofError } from '../../errors.js';
import { errnoText } from '../errno-text.js';
import type { Flusher } from '../flush/flusher.js';
import { type FaultResponse, respondToFault, retryDelayMs } from './fault-policy.js';
import { type RollFiles, roll, tidy } from './roll.js';

export type LogCondition = 'ready' | 'degraded' | 'failed';

export interface LogHealthEvents {
  degraded(error: AofError): void;
  recovered(): void;
  failed(error: AofError): void;
}

export interface LogHealthOptions {
  readonly env: Env;
  readonly files: RollFiles;
  readonly log: BlockLog;
  readonly flusher: Flusher;
  readonly events: LogHealthEvents;
}

/** The same complaint is logged at most this often, as Redis does. */
const COMPLAIN_EVERY_MS = 30_000;

export class LogHealth {
  readonly #options: LogHealthOptions;
  #condition: LogCondition = 'ready';
  #refusal: string | null = null;
  #trouble: AofError | null = null;
  #failure: AofError | null = null;
  #failures = 0;
  /** Rolls since it was last ready. */
  #rolls = 0;
  #retryAtMs = 0;
  #complainedAtMs = Number.NEGATIVE_INFINITY;
  #isStalled = false;
  /** No further attempts. */
  #isFinishing = false;
  /** Nor any waiting for the one under way. */
  #isClosing = false;
  #isGivenUp = false;
  /** The roll that is under way; settles, never rejects. */
  #rolling: Promise<void> | null = null;
  /** Old segments being cut, beside the log; never rejects. */
  #tidying: Promise<void> = Promise.resolve();
  /** Woken by look(): the roll waits for the new file's sync. */
  #onLook: (() => void) | null = null;

  constructor(options: LogHealthOptions) {
    this.#options = options;
  }

  get condition(): LogCondition {
    return this.#condition;
  }

  /** An error reply for writes; null while they are taken. */
  get refusal(): string | null {
    return this.#refusal;
  }

  get failure(): AofError | null {
    return this.#failure;
  }

  /** Why it is degraded. */
  get trouble(): AofError | null {
    return this.#trouble;
  }

  /** Settles with the roll that is under way, never rejects; null when there is none. */
  get rolling(): Promise<void> | null {
    return this.#rolling;
  }

  /** The log is being closed, and the last roll ended before it counted: nothing more will be synced. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  /** From the flusher, when the log's fault has changed. */
  onFault(fault: number, errno: number): void {
    if (this.#condition === 'failed' || this.#rolling !== null) return;
    this.#respond(respondToFault(fault, errno), fault, errno);
  }

  /** After each look at the log: whether it is well again. */
  look(): void {
    this.#onLook?.();
    const { flusher } = this.#options;
    if (this.#condition !== 'degraded' || this.#rolling !== null || flusher.fault !== BlockLogFault.none) return;
    if (this.#isStalled) return;
    if (flusher.writtenLsn >= flusher.appendedLsn) this.#recover();
  }

  /** From the cron: continues a write that failed for lack of room, when its time has come. */
  retry(): void {
    const { env, flusher } = this.#options;
    if (this.#condition !== 'degraded' || this.#rolling !== null || flusher.fault !== BlockLogFault.write) return;
    if (env.clock.monotonicMs() < this.#retryAtMs) return;
    this.#failures++;
    this.#retryAtMs = env.clock.monotonicMs() + retryDelayMs(this.#failures);
    flusher.resume();
  }

  /**
   * Something beside the file keeps the log from going on, a manifest that cannot be written: as a fault, until null says that it is
   * over.
   */
  stall(error: AofError | null): void {
    if (this.#condition === 'failed') return;
    this.#isStalled = error !== null;
    if (error === null) {
      this.look();
      return;
    }
    this.#complain(error.message);
    this.#refusal = misconf(error.message);
    this.#trouble = error;
    const isNews = this.#condition === 'ready';
    this.#condition = 'degraded';
    if (isNews) this.#options.events.degraded(error);
  }

  /** For good: whoever waits is told that the outcome is unknown; reads go on. */
  fail(error: AofError, reason = error.message): void {
    if (this.#condition === 'failed') return;
    this.#options.env.logger.log('warning', error.message);
    this.#condition = 'failed';
    this.#failure = error;
    this.#refusal = misconf(reason);
    this.#options.flusher.stop(error);
    this.#onLook?.();
    this.#options.events.failed(error);
  }

  /**
   * The log is about to be closed. A roll that is under way, or that a fault from now on begins, may end well but is not tried a
   * second time; a write that waits for room is tried once more, now.
   */
  finish(): void {
    const { flusher } = this.#options;
    this.#isFinishing = true;
    const isWaitingForRoom = this.#condition === 'degraded' && this.#rolling === null;
    if (isWaitingForRoom && flusher.fault === BlockLogFault.write) flusher.resume();
  }

  /** Gives up what is under way. Resolves when nothing is. */
  async close(): Promise<void> {
    this.#isFinishing = true;
    this.#isClosing = true;
    this.#onLook?.();
    await this.#rolling;
    await this.#tidying;
  }

  #respond(response: FaultResponse, fault: number, errno: number): void {
    const { env, log } = this.#options;
    if (response === 'fail') {
      const what = this.#whyHopeless(fault);
      this.fail(new AofError('AOF_FAILED', `${what}; what was not synced by then has an unknown outcome`), what);
      return;
    }
    const text = errnoText(errno);
    const what = fault === BlockLogFault.sync ? `Fail to fsync the AOF file: ${text}` : `Error writing to the AOF file: ${text}`;
    this.#complain(what);
    this.#refusal = misconf(text);
    this.#retryAtMs = env.clock.monotonicMs() + retryDelayMs(this.#failures);
    this.#trouble = new AofError(response === 'retry' ? 'AOF_DISK_FULL' : 'AOF_IO', what);
    const isNews = this.#condition === 'ready';
    this.#condition = 'degraded';
    if (response === 'roll' && !this.#isClosing) this.#rolling = this.#roll(log);
    if (isNews) this.#options.events.degraded(this.#trouble);
  }

  #whyHopeless(fault: number): string {
    if (fault !== BlockLogFault.gone) return 'a thread of the append only file died';
    return `the append only file ${this.#options.files.currentSegment.name} was removed or replaced: what is written now cannot be found again`;
  }

  async #roll(log: BlockLog): Promise<void> {
    const { env, files, flusher } = this.#options;
    flusher.hold(true);
    try {
      const isOver = () => this.#isFinishing || this.#condition === 'failed';
      const left = await roll({ env, files, log, inVain: this.#rolls, untilSynced: () => this.#untilSynced(), isOver });
      this.#tidying = this.#tidying.then(() => tidy({ env, files }, left));
    } catch (error) {
      this.#rolling = null;
      const known = toAofError(error, 'rolling to a new segment');
      if (known.code === 'AOF_ABORTED') this.#isGivenUp = true;
      else this.fail(unknownOutcome(known));
      return;
    }
    this.#rolling = null;
    this.#afterRoll();
  }

  /** The new file counts. It may have failed as well while the manifest was written. */
  #afterRoll(): void {
    const { flusher } = this.#options;
    if (this.#condition === 'failed') return;
    this.#rolls++;
    flusher.hold(false);
    flusher.look();
    if (this.#rolling !== null) return;
    if (flusher.fault === BlockLogFault.none) this.#recover();
    else this.onFault(flusher.fault, flusher.faultErrno);
  }

  /** Everything that is appended is synced in the file at hand, or the fault that keeps it from being so. */
  #untilSynced(): Promise<void> {
    const { flusher } = this.#options;
    const target = flusher.appendedLsn;
    return new Promise((resolve, reject) => {
      const settle = (action: () => void) => {
        this.#onLook = null;
        action();
      };
      this.#onLook = () => {
        const { fault, rawSyncedLsn, faultErrno } = flusher;
        // What comes after a change of files waits: the old file, or the one that took over, is synced and closed.
        const isHeld = flusher.status[Status.retargetStage] === 2;
        // Marks, and the SELECT in front of what is taken over, are beyond no LSN.
        const isAtWork = flusher.status[Status.isWriting] === 1 || flusher.status[Status.isSyncing] === 1;
        if (this.#isClosing || this.#condition === 'failed')
          settle(() => reject(new AofError('AOF_ABORTED', 'closed while rolling')));
        else if (fault === BlockLogFault.dead || fault === BlockLogFault.gone)
          settle(() => reject(new AofError('AOF_FAILED', this.#whyHopeless(fault))));
        else if (fault !== BlockLogFault.none) settle(() => reject(new AofError('AOF_IO', errnoText(faultErrno))));
        else if (isHeld || (rawSyncedLsn >= target && !isAtWork)) settle(resolve);
      };
      // The filling block too.
      this.#options.log.flush(true);
      flusher.look();
      this.#onLook?.();
    });
  }

  #recover(): void {
    if (this.#condition !== 'degraded') return;
    this.#condition = 'ready';
    this.#refusal = null;
    this.#trouble = null;
    this.#failures = 0;
    this.#rolls = 0;
    this.#complainedAtMs = Number.NEGATIVE_INFINITY;
    this.#options.env.logger.log('warning', 'AOF write error looks solved, Redis can write again.');
    this.#options.events.recovered();
  }

  #complain(what: string): void {
    const now = this.#options.env.clock.monotonicMs();
    if (now - this.#complainedAtMs < COMPLAIN_EVERY_MS) return;
    this.#complainedAtMs = now;
    this.#options.env.logger.log('warning', what);
  }
}

function misconf(reason: string): string {
  return `MISCONF Errors writing to the AOF file: ${reason}`;
}

export function unknownOutcome(error: AofError): AofError {
  const message = `${error.message}; what was not synced by then has an unknown outcome`;
  return new AofError('AOF_FAILED', message, { path: error.path, cause: error });
}
