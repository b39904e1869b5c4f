/**
 * Performs what flush-policy decides, keeps the watermarks, resolves who waits for them, and measures: the one place that talks
 * to a BlockLog about writing and syncing. It never blocks: the log's own threads (or libuv's) touch the disk.
 */
import { type BlockLog, BlockLogFault, Status } from '../../backend/backend.js';
import type { Clock } from '../../env/env.js';
import type { AofError } from '../../errors.js';
import type { EngineSettings } from '../settings.js';
import { answerableLsn } from './answer-policy.js';
import { decideFlush } from './flush-policy.js';
import { SyncWaiters } from './sync-waiters.js';

export interface FlusherEvents {
  /** written or synced rose, or a fault came or went. */
  progress(): void;
  /** A write(2) or fdatasync returned; for latency events. */
  wrote(ms: number): void;
  syncedIn(ms: number): void;
  fault(fault: number, errno: number): void;
  /** Memory fell below the low mark again. */
  drain(): void;
  /** A write(2) has been under way for 2 s and more. */
  delayed(): void;
}

export interface FlusherOptions {
  readonly log: BlockLog;
  readonly lsn: number;
  readonly clock: Clock;
  readonly settings: EngineSettings;
  readonly events: FlusherEvents;
  /** no-appendfsync-on-rewrite, and a rewrite runs. */
  readonly isSyncSuspended: () => boolean;
}

/** From this share of the budget on un-synced bytes are synced early, so that the appender need not stop ... */
const EARLY_SYNC_MARK = 0.25;
/** ... from this one on `writable` is false, until it has fallen to the low mark. */
const HIGH_MARK = 0.5;
const LOW_MARK = 0.25;
/**
 * The same for bytes that write(2) has not taken. A loop that appends without a pause keeps the TypeScript writer from going on, so it
 * is told early to yield: then writing and appending overlap.
 */
const UNWRITTEN_HIGH_MARK = 1 / 16;
const UNWRITTEN_LOW_MARK = 1 / 32;
/** So many bytes may be appended between two looks at the memory in use. */
const PRESSURE_STEP_BYTES = 256 * 1024;
/** A stalled write is counted in aof_delayed_fsync from here on. */
const DELAYED_AFTER_MS = 2000;

export class Flusher {
  readonly #log: BlockLog;
  readonly #clock: Clock;
  readonly #settings: EngineSettings;
  readonly #events: FlusherEvents;
  readonly #isSyncSuspended: () => boolean;
  readonly #status = new Float64Array(Status.length);
  readonly #waiters = new SyncWaiters();

  #appendedLsn: number;
  #flushedLsn: number;
  #syncRequestedLsn: number;
  #lastSyncAtMs: number;
  #pressureCheckLsn = 0;
  #writable = true;
  #isSyncBehind = false;
  #isWriteBehind = false;
  /** Read once per change: a look-up of the directive at each append would cost a tenth of it. */
  #bufferLimitBytes: number;
  #fault: number = BlockLogFault.none;
  #writesSeen = 0;
  #syncsSeen = 0;
  /** When the oldest byte that is not synced was handed over; 0 when everything is synced. */
  #oldestUnsyncedAtMs = 0;
  #isDelayCounted = false;
  #heldWrittenLsn: number | null = null;
  #heldSyncedLsn: number | null = null;
  /** What progress and waiters were told last. Not the status: that is filled between two looks as well. */
  #announcedWrittenLsn: number;
  #announcedSyncedLsn: number;
  #isStopped = false;

  /** Under `no`: since somebody waited, written bytes are kept until they are synced. */
  #isRetainingForWaiter = false;

  delayedFsyncs = 0;

  constructor(options: FlusherOptions) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#settings = options.settings;
    this.#bufferLimitBytes = options.settings.bufferLimitBytes;
    this.#events = options.events;
    this.#isSyncSuspended = options.isSyncSuspended;
    this.#appendedLsn = options.lsn;
    this.#flushedLsn = options.lsn;
    this.#syncRequestedLsn = options.lsn;
    this.#announcedWrittenLsn = options.lsn;
    this.#announcedSyncedLsn = options.lsn;
    this.#pressureCheckLsn = options.lsn + PRESSURE_STEP_BYTES;
    this.#lastSyncAtMs = options.clock.monotonicMs();
    this.#log.status(this.#status);
  }

  get appendedLsn(): number {
    return this.#appendedLsn;
  }

  /** While held it stands still: what is in a file that no durable manifest names does not count. */
  get writtenLsn(): number {
    return this.#heldWrittenLsn ?? this.#value(Status.writtenLsn);
  }

  get syncedLsn(): number {
    return this.#heldSyncedLsn ?? this.#value(Status.syncedLsn);
  }

  /** The log's own watermark, held or not. */
  get rawSyncedLsn(): number {
    return this.#value(Status.syncedLsn);
  }

  get faultErrno(): number {
    return this.#value(Status.faultErrno);
  }

  get isWritable(): boolean {
    return this.#writable;
  }

  get fault(): number {
    return this.#fault;
  }

  /** The log's status as of the last look; Status names the indexes. */
  get status(): Float64Array {
    return this.#status;
  }

  get oldestUnsyncedMs(): number {
    return this.#oldestUnsyncedAtMs === 0 ? 0 : this.#clock.monotonicMs() - this.#oldestUnsyncedAtMs;
  }

  /** Replies to commands that ran at or below this LSN may leave. */
  get answerableLsn(): number {
    return answerableLsn({
      policy: this.#settings.appendfsync,
      isSyncSuspended: this.#isSyncSuspended(),
      writtenLsn: this.writtenLsn,
      syncedLsn: this.syncedLsn,
      writeAgeMs: this.#value(Status.writeAgeMicros) / 1000,
      // What is written while held goes to a file that does not count yet.
      hasFault: this.#fault !== BlockLogFault.none || this.#isHeld,
    });
  }

  /** After each append. Cheap: looks at the memory in use only every so many bytes. */
  noteAppended(lsn: number): void {
    this.#appendedLsn = lsn;
    if (lsn >= this.#pressureCheckLsn) this.#checkPressure();
  }

  /** Whether the memory budget is used up: writers have to wait. */
  get isFull(): boolean {
    return this.#value(Status.bufferedBytes) >= this.#bufferLimitBytes;
  }

  /**
   * While no durable manifest names the file: watermarks stand still, and nothing is handed to the writer from here (what the
   * log writes by itself goes on). On release everything that happened meanwhile counts.
   */
  hold(isHeld: boolean): void {
    if (this.#isStopped) return;
    this.#heldWrittenLsn = isHeld ? this.writtenLsn : null;
    this.#heldSyncedLsn = isHeld ? this.syncedLsn : null;
    if (isHeld) return;
    this.#flushedLsn = Math.min(this.#flushedLsn, this.writtenLsn);
    this.#syncRequestedLsn = Math.min(this.#syncRequestedLsn, this.syncedLsn);
    this.#announce(false);
  }

  /** The log has failed: watermarks stand still for good, nothing is handed over any more, whoever waits is told why. */
  stop(error: AofError): void {
    this.hold(true);
    this.#isStopped = true;
    this.#waiters.rejectAll(error);
  }

  settingsChanged(): void {
    this.#bufferLimitBytes = this.#settings.bufferLimitBytes;
    this.#isRetainingForWaiter = this.#settings.appendfsync === 'no' && this.#waiters.size > 0;
    this.#log.setRetain(this.#isRetaining);
  }

  resetStatistics(): void {
    this.delayedFsyncs = 0;
  }

  /** Hands over what the policy says. At the end of each turn, and from the cron. */
  run(): void {
    if (this.#fault !== BlockLogFault.none || this.#isHeld) return;
    const nowMs = this.#clock.monotonicMs();
    const decision = decideFlush({
      policy: this.#settings.appendfsync,
      appendedLsn: this.#appendedLsn,
      flushedLsn: this.#flushedLsn,
      syncedLsn: this.syncedLsn,
      syncRequestedLsn: this.#syncRequestedLsn,
      isSyncing: this.#value(Status.isSyncing) === 1,
      lastSyncAtMs: this.#lastSyncAtMs,
      wantedLsn: this.#waiters.highestLsn,
      isSyncSuspended: this.#isSyncSuspended(),
      isUnderPressure: this.#value(Status.bufferedBytes) >= this.#bufferLimitBytes * EARLY_SYNC_MARK,
      nowMs,
    });
    if (!decision.flush && !decision.sync) return;
    this.#hand(decision.sync, nowMs);
  }

  /** Everything appended so far, written and synced as soon as can be, whatever the policy. */
  force(): void {
    if (this.#fault === BlockLogFault.none) this.#hand(true, this.#clock.monotonicMs());
  }

  /** Resolves when everything below `lsn` is synced. Under everysec and no this asks for a sync, shared with whoever waits. */
  synced(lsn: number): Promise<void> | null {
    if (lsn <= this.syncedLsn) return null;
    if (!this.#isRetaining && this.#value(Status.bufferedBytes) < this.#bufferLimitBytes * EARLY_SYNC_MARK)
      this.#retainForWaiter(true);
    return this.#waiters.wait(lsn);
  }

  rejectWaiters(error: AofError): void {
    this.#waiters.rejectAll(error);
  }

  /** From the log's onProgress, and from the cron. */
  look(): void {
    const faultBefore = this.#fault;
    this.#log.status(this.#status);
    // A SELECT may have been appended for a command that was then refused.
    this.#appendedLsn = this.#value(Status.appendedLsn);
    this.#noteFault();
    this.#noteTimes();
    this.#noteMemory();
    this.#noteDelay();
    this.#announce(this.#fault !== faultBefore);
    // A waiter that came while a sync was under way, or `always` with more appended since.
    if (this.#appendedLsn > this.syncedLsn) this.run();
  }

  /** After a write fault: continue where the writer stopped. */
  resume(): void {
    this.#fault = BlockLogFault.none;
    this.#status[Status.fault] = BlockLogFault.none;
    this.#log.resume();
  }

  get #isRetaining(): boolean {
    return this.#isRetainingForWaiter || this.#settings.appendfsync !== 'no';
  }

  /**
   * Who asks for durability under `no` gets a failed fdatasync survived as under the other policies, from here on: what is written is
   * kept for a roll, also between two waits, as long as it takes no more than the share from which on others sync early. What
   * was written before and is not synced is not here; until it is, such a fault is the end.
   */
  #retainForWaiter(isOn: boolean): void {
    this.#isRetainingForWaiter = isOn;
    this.#log.setRetain(isOn);
  }

  get #isHeld(): boolean {
    return this.#heldSyncedLsn !== null;
  }

  /** Resolves who waited, and tells of watermarks that rose since the last time, or of a fault that came or went. */
  #announce(isFaultChanged: boolean): void {
    const { syncedLsn, writtenLsn } = this;
    const isSyncedUp = syncedLsn > this.#announcedSyncedLsn;
    const isWrittenUp = writtenLsn > this.#announcedWrittenLsn;
    this.#announcedSyncedLsn = syncedLsn;
    this.#announcedWrittenLsn = writtenLsn;
    if (isSyncedUp) {
      this.#oldestUnsyncedAtMs = syncedLsn >= this.#flushedLsn ? 0 : this.#clock.monotonicMs();
      this.#waiters.resolveUpTo(syncedLsn);
    }
    if (isSyncedUp || isWrittenUp || isFaultChanged) this.#events.progress();
  }

  #hand(sync: boolean, nowMs: number): void {
    if (this.#oldestUnsyncedAtMs === 0) this.#oldestUnsyncedAtMs = nowMs;
    this.#flushedLsn = this.#appendedLsn;
    if (sync) {
      this.#syncRequestedLsn = this.#appendedLsn;
      this.#lastSyncAtMs = nowMs;
      this.#status[Status.isSyncing] = 1;
    }
    this.#log.flush(sync);
  }

  #value(index: number): number {
    return this.#status[index] as number;
  }

  #noteFault(): void {
    const fault = this.#value(Status.fault);
    if (fault === this.#fault) return;
    this.#fault = fault;
    if (fault !== BlockLogFault.none) this.#events.fault(fault, this.faultErrno);
  }

  #noteTimes(): void {
    if (this.#value(Status.writeCount) !== this.#writesSeen) {
      this.#writesSeen = this.#value(Status.writeCount);
      this.#events.wrote(this.#value(Status.lastWriteMicros) / 1000);
    }
    if (this.#value(Status.syncCount) !== this.#syncsSeen) {
      this.#syncsSeen = this.#value(Status.syncCount);
      this.#events.syncedIn(this.#value(Status.lastSyncMicros) / 1000);
    }
  }

  #checkPressure(): void {
    this.#log.status(this.#status);
    this.#pressureCheckLsn = this.#appendedLsn + PRESSURE_STEP_BYTES;
    this.#noteMemory();
  }

  #noteMemory(): void {
    const used = this.#value(Status.bufferedBytes) / this.#bufferLimitBytes;
    const unwritten = this.#value(Status.unwrittenBytes) / this.#bufferLimitBytes;
    this.#isSyncBehind = used >= (this.#isSyncBehind ? LOW_MARK : HIGH_MARK);
    this.#isWriteBehind = unwritten >= (this.#isWriteBehind ? UNWRITTEN_LOW_MARK : UNWRITTEN_HIGH_MARK);
    const wasWritable = this.#writable;
    this.#writable = !this.#isSyncBehind && !this.#isWriteBehind;
    if (this.#isRetainingForWaiter && used >= EARLY_SYNC_MARK) this.#retainForWaiter(false);
    if (this.#isSyncBehind || used >= EARLY_SYNC_MARK) this.run();
    if (this.#writable && !wasWritable) this.#events.drain();
  }

  #noteDelay(): void {
    const isDelayed = this.#value(Status.writeAgeMicros) > DELAYED_AFTER_MS * 1000;
    if (isDelayed && !this.#isDelayCounted) {
      this.delayedFsyncs++;
      this.#events.delayed();
    }
    this.#isDelayCounted = isDelayed;
  }
}
