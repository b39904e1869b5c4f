/**
 * From sealed to synced: blocks go to the writer in order, beside it the syncer. All of it is driven by completions; after
 * each one `advance()` starts whatever can start.
 *
 * The cut (retarget) goes through stages: 0 one file; 1 the old file takes its last blocks, is synced and closed; 2 the next
 * file waits for resumeTarget(). Blocks of the next file are behind those of the old one in the same chain.
 */
import type { Env } from '../../env/env.js';
import { AofError, toAofError } from '../../errors.js';
import { BlockLogFault, type RollCut, Status } from '../backend.js';
import { BlockChain } from './block-chain.js';
import type { BlockSealer } from './block-sealer.js';
import type { ChunkPool } from './chunk-pool.js';
import { ENOENT } from './errno.js';
import { closeQuietly, type LogTarget } from './log-target.js';
import { type FillingStart, resealAll } from './reseal.js';
import { Syncer } from './syncer.js';
import { Writer } from './writer.js';

export type RetargetStage = 0 | 1 | 2;

export class BlockPipeline {
  private readonly env: Env;
  private readonly onProgress: () => void;
  private readonly writer: Writer;
  private readonly syncer: Syncer;
  readonly chain: BlockChain;
  /** The file being written; from stage 2 on the one that is held. */
  private target: LogTarget;
  /** Its next one: from openNext() on. */
  private next: LogTarget | null = null;
  private stage: RetargetStage = 0;
  /** Where the next file begins, while the old one is drained. */
  private switched: FillingStart | null = null;
  syncedLsn: number;
  /** Bytes of `target` that are written, and that are synced. */
  private writtenOffset: number;
  private syncedOffset: number;
  /** Something was written (or cut) since the last fdatasync was issued. */
  private isDirty = false;
  private isSyncDue = false;
  private isTruncating = false;
  private isClosingOld = false;
  private isRolling = false;
  /** Files that were given up, until they are closed. */
  private closingGivenUp: Promise<unknown> = Promise.resolve();
  isClosing = false;
  private whenSettled: (() => void) | null = null;
  private whenQuiet: (() => void) | null = null;

  constructor(env: Env, pool: ChunkPool, target: LogTarget, lsn: number, isRetaining: boolean, onProgress: () => void) {
    this.env = env;
    this.onProgress = onProgress;
    this.chain = new BlockChain(pool, lsn, isRetaining);
    this.writer = new Writer(env.clock, env.timers, this.chain);
    this.syncer = new Syncer(env.clock, env.files);
    this.target = target;
    this.syncedLsn = lsn;
    this.writtenOffset = target.position;
    this.syncedOffset = target.position;
  }

  /** The file that blocks sealed now belong to. */
  get fillingTarget(): LogTarget {
    return this.stage === 1 && this.next !== null ? this.next : this.target;
  }

  requestSync(): void {
    if (this.chain.wantSync()) return;
    if (!this.isDirty) return;
    this.isSyncDue = true;
    this.startSync();
  }

  setWriteDelay(micros: number): void {
    this.writer.delayMicros = micros;
  }

  resume(): void {
    this.writer.failure = 0;
    this.startWrite();
  }

  // ------------------------------------------------------------------------------------------ the machine

  private advance(): void {
    this.startWrite();
    this.startSync();
    this.finishOldTarget();
    if (!this.writer.isBusy && !this.syncer.isBusy) this.whenQuiet?.();
    // A closed log is silent: nobody may call back into it.
    if (!this.isClosing) this.onProgress();
    else if (this.isSettled) this.whenSettled?.();
  }

  /** Writes what waits, unless a write is under way. */
  startWrite(): void {
    if (!this.canWrite || !this.writer.canStart) return;
    this.writer.start(this.target, this.onWritten);
  }

  /** After a failed fdatasync nothing more is written to that file either: it has lost pages, what follows them is no prefix. */
  private get canWrite(): boolean {
    if (this.isTruncating || this.isRolling || this.stage === 2 || this.syncer.isOver) return false;
    return this.chain.hasUnwritten(this.target);
  }

  private readonly onWritten = (written: number, isSyncDue: boolean): void => {
    if (written > 0) {
      this.writtenOffset += written;
      this.isDirty = true;
      this.isSyncDue ||= isSyncDue;
    }
    this.advance();
  };

  private startSync(): void {
    if (!this.isSyncDue || this.syncer.isBusy || this.syncer.isOver) return;
    if (this.isTruncating || this.isRolling || this.stage === 2) return;
    this.isSyncDue = false;
    this.isDirty = false;
    // What is written now is what this fdatasync covers; what is written beside it is not.
    const lsn = this.chain.writtenLsn;
    const offset = this.writtenOffset;
    const total = this.chain.writtenTotal;
    this.syncer.start(this.target, (isSynced) => {
      if (isSynced) {
        this.syncedLsn = Math.max(this.syncedLsn, lsn);
        this.syncedOffset = Math.min(offset, this.writtenOffset);
        this.chain.releaseSynced(total, lsn);
      } else {
        this.isSyncDue = false;
        this.writer.cancelDelay();
      }
      this.advance();
    });
  }

  // ------------------------------------------------------------------------------------------ retarget

  setNext(next: LogTarget): void {
    // One that was opened and never switched to.
    if (this.next !== null) void closeQuietly(this.next.handle);
    this.next = next;
  }

  /** What openNext() opened and nothing has been switched to yet. */
  get openedNext(): LogTarget | null {
    return this.stage === 0 ? this.next : null;
  }

  /** The caller has sealed what goes to the old file. */
  beginRetarget(start: FillingStart): void {
    this.stage = 1;
    this.switched = start;
    this.finishOldTarget();
  }

  private finishOldTarget(): void {
    if (this.stage !== 1 || this.isClosingOld || this.writer.isBusy || this.chain.hasUnwritten(this.target)) return;
    if (this.syncer.isOver) return;
    if (this.isDirty) {
      this.isSyncDue = true;
      this.startSync();
      return;
    }
    if (this.syncer.isBusy) return;
    this.isClosingOld = true;
    this.closeOldTarget(this.target).finally(() => {
      this.isClosingOld = false;
      this.leaveOldTarget();
      this.advance();
    });
  }

  /** Nothing of it is needed any more, so that a failure of close() loses nothing. */
  private async closeOldTarget({ handle, path }: LogTarget): Promise<void> {
    try {
      await handle.close();
    } catch (error) {
      this.env.logger.log('warning', toAofError(error, 'closing the old AOF file', path).message);
    }
  }

  private leaveOldTarget(): void {
    if (this.next === null) return;
    this.target = this.next;
    this.next = null;
    this.stage = 2;
    this.switched = null;
    this.writtenOffset = this.target.position;
    this.syncedOffset = this.target.position;
    // What was asked for while the old file was drained is done; requests for later blocks stand in the blocks.
    this.isSyncDue = false;
  }

  resumeTarget(): void {
    if (this.stage !== 2) return;
    this.stage = 0;
    this.startWrite();
  }

  // ------------------------------------------------------------------------------------------ roll

  beginRoll(): void {
    this.isRolling = true;
  }

  /** It did not come to it: everything is as it was. */
  abandonRoll(): void {
    this.isRolling = false;
    this.startWrite();
    this.startSync();
  }

  /** Nothing is under way on the file. */
  async quiet(): Promise<void> {
    while (this.writer.isBusy || this.syncer.isBusy) {
      await new Promise<void>((resolve) => {
        this.whenQuiet = resolve;
      });
    }
    this.whenQuiet = null;
  }

  /**
   * While a change of files is under way the file that waits takes over, and `fresh` waits in its place. Throws AOF_FAILED, with
   * nothing changed, when what the new file needs is not here.
   */
  takeOver(fresh: LogTarget, sealer: BlockSealer, filling: FillingStart): RollCut {
    const { chain, writer, syncer, target, switched } = this;
    const reason = this.reasonToKeep;
    if (reason !== null) throw new AofError('AOF_FAILED', `cannot give up ${target.path}: ${reason}`, { path: fresh.path });
    const waiting = switched === null ? null : this.next;
    const to = waiting ?? fresh;
    const later = waiting === null ? null : fresh;
    const offset = this.writtenOffset - chain.writtenHere;
    const end = switched ?? filling;
    const begins = resealAll(chain, sealer, { from: target, to, session: fresh.session, later, end });
    this.target = to;
    if (later !== null) this.next = later;
    this.writtenOffset = to.position;
    this.syncedOffset = to.position;
    this.isDirty = false;
    this.isSyncDue = false;
    writer.failure = 0;
    syncer.failure = 0;
    this.isRolling = false;
    // A change of files syncs what belongs to the one that is left by itself.
    if (later === null) chain.wantSync();
    this.startWrite();
    this.finishOldTarget();
    this.closingGivenUp = Promise.all([this.closingGivenUp, this.closeOldTarget(target)]);
    return { offset, ...begins };
  }

  private get reasonToKeep(): string | null {
    if (this.writer.isLost) return 'its state is unknown';
    if (this.syncer.isGone) return 'it was removed or replaced, and with it what was synced';
    return this.chain.isWhole ? null : 'what is written and not synced is no longer in memory';
  }

  // ------------------------------------------------------------------------------------------ rare things

  async truncate(offset: number): Promise<void> {
    this.isTruncating = true;
    try {
      await this.target.handle.truncate(offset);
      // No roll may bring back what was cut off.
      this.chain.releaseWritten();
      this.writtenOffset = offset;
      this.syncedOffset = Math.min(this.syncedOffset, offset);
      this.isDirty = true;
    } catch (error) {
      throw toAofError(error, 'cannot cut', this.target.path);
    } finally {
      this.isTruncating = false;
      this.startWrite();
      this.startSync();
      if (this.isSettled) this.whenSettled?.();
    }
  }

  writeOutSync(): number {
    if (this.stage === 2 || this.isTruncating || this.isRolling || this.writer.isLost || this.syncer.isOver) return 0;
    const written = this.writer.writeOutSync(this.target);
    this.writtenOffset += written;
    if (written > 0) this.isDirty = true;
    return written;
  }

  /** Waits for what can still happen by itself, then closes. Rejects with AOF_IO when a file cannot be closed. */
  async close(): Promise<void> {
    this.isClosing = true;
    this.writer.delayMicros = 0;
    this.writer.cancelDelay();
    this.startWrite();
    if (!this.isSettled) {
      await new Promise<void>((resolve) => {
        this.whenSettled = resolve;
      });
    }
    await this.closingGivenUp;
    const results = await Promise.allSettled([this.target, this.next].map((target) => target?.handle.close()));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw toAofError(failed.reason, 'cannot close', this.target.path);
  }

  private get isSettled(): boolean {
    if (this.writer.isBusy || this.syncer.isBusy || this.isTruncating || this.isClosingOld) return false;
    return !(this.canWrite && this.writer.canStart) && !(this.isSyncDue && !this.syncer.isOver);
  }

  /** A file that was opened for a log which is closed by now. */
  async discard(target: LogTarget): Promise<never> {
    await target.handle.close();
    throw new AofError('AOF_CLOSED', 'the log was closed while its next file was opened', { path: target.path });
  }

  /** Fills all of `out` but appendedLsn; the caller adds what is in the filling block. */
  status(out: Float64Array): void {
    const { chain, writer, syncer } = this;
    out[Status.writtenLsn] = chain.writtenLsn;
    out[Status.syncedLsn] = this.syncedLsn;
    out[Status.writtenOffset] = this.writtenOffset;
    out[Status.syncedOffset] = this.syncedOffset;
    out[Status.bufferedBytes] = chain.heldBytes;
    out[Status.unwrittenBytes] = chain.unwrittenBytes;
    out[Status.isWriting] = writer.isBusy || !chain.isWritten ? 1 : 0;
    out[Status.isSyncing] = syncer.isBusy || (!syncer.isOver && (this.isSyncDue || chain.syncsWanted > 0)) ? 1 : 0;
    out[Status.fault] = this.fault();
    out[Status.faultErrno] = syncer.isGone ? ENOENT : syncer.failure || writer.failure;
    out[Status.writeCount] = writer.count;
    out[Status.syncCount] = syncer.count;
    out[Status.lastWriteMicros] = writer.lastMicros;
    out[Status.lastSyncMicros] = syncer.lastMicros;
    out[Status.retargetStage] = this.stage;
    out[Status.writeAgeMicros] = writer.ageMicros();
    out[Status.syncAgeMicros] = syncer.ageMicros();
    out[Status.totalWrittenBytes] = chain.writtenTotal - chain.retakenTotal;
    out.set(syncer.histogram, Status.syncHistogram);
  }

  private fault(): number {
    if (this.writer.isLost) return BlockLogFault.dead;
    if (this.syncer.isGone) return BlockLogFault.gone;
    if (this.syncer.failure !== 0) return BlockLogFault.sync;
    return this.writer.failure !== 0 ? BlockLogFault.write : BlockLogFault.none;
  }
}
