/**
 * One rewrite at a time, as a state machine over the cut:
 *
 *   idle -> opening (temp base) -> cutting -> walking (slices) -> syncing (fsync, rename) -> installing (manifest, history) -> idle
 *
 * Until the manifest is durable the old base and every incr stay the truth: a failure or an abort in any state but the last removes the
 * temp base and changes nothing else; the incr that the cut began goes on. Who asks when one cannot begin is remembered as scheduled.
 */
import type { Env } from '../../env/env.js';
import { AofError, toAofError } from '../../errors.js';
import type { SnapshotReader } from '../../host.js';
import { traceRewrite } from '../tracing.js';
import type { BaseWriter } from './base-writer.js';
import { dueGrowth } from './growth-policy.js';
import { RewriteLimiter } from './rewrite-limiter.js';

export type RewriteStage = 'idle' | 'opening' | 'cutting' | 'walking' | 'syncing' | 'installing';

/** What a rewrite needs of the files and the log. */
export interface RewritePort {
  /** A temp base that becomes the next base of this data set. */
  openBase(): Promise<BaseWriter>;
  /**
   * The cut: `begin` runs in one synchronous step between two execution units, with everything appended before it in files of a lower
   * sequence than the returned one, and everything after it in that one and later ones. On return a durable manifest names it. Where
   * appendonly is off only `begin` runs, and every file is below the cut.
   */
  cut(begin: () => void): Promise<number>;
  /** The data at this moment. */
  beginSnapshot(): SnapshotReader;
  /** On return the manifest is durable with the base of the last openBase(), and what it replaces is history. */
  install(cutSeq: number): Promise<void>;
  /** Deletes history; never rejects. */
  collectHistory(): Promise<void>;
  /** Whatever became of it: lets go of what openBase() took. */
  end(): Promise<void>;
  /** Why no rewrite can begin now (the log is degraded, or not there yet); null when one can. */
  obstacle(): string | null;
}

export interface RewriteDone {
  readonly reason: RewriteReason;
  readonly durationMs: number;
  readonly baseBytes: number;
  /** Bytes of images that were taken because a write came before the walk. */
  readonly imageBytes: number;
}

export type RewriteReason = 'manual' | 'automatic' | 'scheduled';

export interface RewriteEvents {
  started(reason: RewriteReason): void;
  done(done: RewriteDone): void;
  failed(error: AofError): void;
  latency(event: string, ms: number): void;
}

export interface RewriteCoordinatorOptions {
  readonly env: Env;
  /** For who traces: the directory of the log. */
  readonly dir: string;
  readonly port: RewritePort;
  readonly events: RewriteEvents;
  readonly growth: () => Parameters<typeof dueGrowth>[0];
  readonly timestamps: () => boolean;
}

/** For INFO. Times in whole seconds, -1 where there is none. */
export interface RewriteFigures {
  readonly stage: RewriteStage;
  readonly isScheduled: boolean;
  readonly lastSeconds: number;
  readonly currentSeconds: number;
  readonly isLastOk: boolean;
  readonly attempts: number;
  readonly consecutiveFailures: number;
  readonly keysDone: number;
  readonly keysTotal: number;
  /** Of the base under way. */
  readonly baseBytes: number;
  readonly imageBytes: number;
  readonly lastImageBytes: number;
}

export class RewriteCoordinator {
  readonly #options: RewriteCoordinatorOptions;
  readonly #limiter = new RewriteLimiter();
  #stage: RewriteStage = 'idle';
  #isScheduled = false;
  #running: Promise<RewriteDone> | null = null;
  #abort: AbortController | null = null;
  #snapshot: SnapshotReader | null = null;
  #writer: BaseWriter | null = null;
  #startedAtMs = 0;
  #lastSeconds = -1;
  #isLastOk = true;
  #attempts = 0;
  #lastImageBytes = 0;

  constructor(options: RewriteCoordinatorOptions) {
    this.#options = options;
  }

  get stage(): RewriteStage {
    return this.#stage;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  figures(): RewriteFigures {
    const { clock } = this.#options.env;
    const progress = this.#snapshot?.progress?.();
    return {
      stage: this.#stage,
      isScheduled: this.#isScheduled,
      lastSeconds: this.#lastSeconds,
      currentSeconds: this.isRunning ? Math.floor((clock.monotonicMs() - this.#startedAtMs) / 1000) : -1,
      isLastOk: this.#isLastOk,
      attempts: this.#attempts,
      consecutiveFailures: this.#limiter.failures,
      keysDone: progress?.keysDone ?? 0,
      keysTotal: progress?.keysTotal ?? 0,
      baseBytes: this.#writer?.bytes ?? 0,
      imageBytes: progress?.imageBytes ?? 0,
      lastImageBytes: this.#lastImageBytes,
    };
  }

  /**
   * Begins a rewrite now. Resolves when the new base is the truth, durably. Rejects with AOF_BUSY when one is under way or none can begin,
   * with AOF_ABORTED, or with what stood in its way; then the old base is still the truth and nothing is lost.
   */
  start(reason: RewriteReason, signal?: AbortSignal): Promise<RewriteDone> {
    const obstacle = this.isRunning ? 'a rewrite is under way' : this.#options.port.obstacle();
    if (obstacle !== null) return Promise.reject(new AofError('AOF_BUSY', `cannot rewrite now: ${obstacle}`));
    const abort = new AbortController();
    const onAbort = () => abort.abort();
    if (signal?.aborted === true) return Promise.reject(new AofError('AOF_ABORTED', 'the rewrite was aborted'));
    signal?.addEventListener('abort', onAbort);
    this.#abort = abort;
    this.#isScheduled = false;
    this.#attempts += 1;
    this.#startedAtMs = this.#options.env.clock.monotonicMs();
    this.#options.events.started(reason);
    this.#running = traceRewrite(this.#options.dir, reason, () => this.#run(reason, abort.signal)).finally(() => {
      signal?.removeEventListener('abort', onAbort);
      this.#running = null;
      this.#abort = null;
      this.#writer = null;
      this.#stage = 'idle';
    });
    return this.#running;
  }

  /** Asked for while it cannot begin: the cron begins it when it can. */
  schedule(): void {
    this.#isScheduled = true;
    this.#limiter.reset();
  }

  /** Gives up what is under way, unless it is being installed. Resolves when nothing is. */
  async abort(): Promise<void> {
    this.#isScheduled = false;
    if (this.#running === null) return;
    if (this.#stage !== 'installing') this.#options.env.logger.log('notice', 'Killing running AOF rewrite');
    this.#abort?.abort();
    await this.#running.catch(() => {});
  }

  /** From the cron: what is scheduled, and what the growth of the log asks for. */
  look(): void {
    const { env, port, growth } = this.#options;
    if (this.isRunning || port.obstacle() !== null || this.#limiter.isLimited(env.clock.monotonicMs())) return;
    if (this.#isScheduled) {
      this.start('scheduled').catch(() => {});
      return;
    }
    const percent = dueGrowth(growth());
    if (percent === null) return;
    env.logger.log('notice', `Starting automatic rewriting of AOF on ${percent}% growth`);
    this.start('automatic').catch(() => {});
  }

  async #run(reason: RewriteReason, signal: AbortSignal): Promise<RewriteDone> {
    const { env, port, events } = this.#options;
    let writer: BaseWriter | null = null;
    try {
      this.#stage = 'opening';
      writer = await port.openBase();
      this.#writer = writer;
      writer.tick(Math.floor(env.clock.unixMs() / 1000), this.#options.timestamps());
      this.#stage = 'cutting';
      if (signal.aborted) throw new AofError('AOF_ABORTED', 'the rewrite was aborted');
      const cutSeq = await port.cut(() => {
        this.#snapshot = port.beginSnapshot();
      });
      env.logger.log('notice', `Background append only file rewriting started by pid ${env.processes.self.pid}`);
      this.#stage = 'walking';
      if (this.#snapshot === null) throw new TypeError('the cut began no snapshot');
      await writer.pull(this.#snapshot, signal);
      const imageBytes = this.#endSnapshot();
      this.#stage = 'syncing';
      const { bytes: baseBytes, renameMs } = await writer.finish(signal);
      events.latency('aof-rename', renameMs);
      env.logger.log('notice', 'Background AOF rewrite terminated with success');
      this.#stage = 'installing';
      await port.install(cutSeq);
      await port.collectHistory();
      return this.#succeed({ reason, durationMs: env.clock.monotonicMs() - this.#startedAtMs, baseBytes, imageBytes });
    } catch (error) {
      this.#endSnapshot();
      await writer?.abandon();
      throw this.#fail(toAofError(error, 'rewriting the append only file'));
    } finally {
      await port.end().catch((error: unknown) => env.logger.log('warning', toAofError(error, 'ending a rewrite').message));
    }
  }

  /** Exactly once for each snapshot. Returns the bytes of images that it took. */
  #endSnapshot(): number {
    const snapshot = this.#snapshot;
    if (snapshot === null) return 0;
    this.#snapshot = null;
    const imageBytes = snapshot.progress?.().imageBytes ?? 0;
    this.#lastImageBytes = imageBytes;
    snapshot.end();
    return imageBytes;
  }

  #succeed(done: RewriteDone): RewriteDone {
    this.#isLastOk = true;
    this.#lastSeconds = Math.floor(done.durationMs / 1000);
    this.#limiter.reset();
    this.#options.env.logger.log('notice', 'Background AOF rewrite finished successfully');
    this.#options.events.done(done);
    return done;
  }

  #fail(error: AofError): AofError {
    const { env, events } = this.#options;
    this.#lastSeconds = Math.floor((env.clock.monotonicMs() - this.#startedAtMs) / 1000);
    if (error.code === 'AOF_ABORTED') {
      // Somebody wanted it: no failure of the disk's, so nothing to hold back for.
      env.logger.log('notice', 'Background AOF rewrite was given up');
      return error;
    }
    this.#isLastOk = false;
    env.logger.log('warning', `Background AOF rewrite terminated with error: ${error.message}`);
    const minutes = this.#limiter.noteFailure(env.clock.monotonicMs());
    if (minutes > 0) {
      env.logger.log(
        'warning',
        `Background AOF rewrite has repeatedly failed and triggered the limit, will retry in ${minutes} minutes`,
      );
    }
    events.failed(error);
    return error;
  }
}
