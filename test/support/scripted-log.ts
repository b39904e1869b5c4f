/**
 * A block log that does nothing by itself: the test says when a write or an fdatasync has come back and how. Appending counts ten
 * bytes for each argument. What it was asked to do is in `calls`.
 */
import { type Arg, type BlockLog, BlockLogFault, type BlockLogTarget, type RollCut, Status } from '../../src/backend/backend.js';

export class ScriptedLog implements BlockLog {
  readonly calls: string[] = [];
  readonly numbers = new Float64Array(Status.length);
  /** What the next calls of roll() do, one each; without one it works. */
  readonly rolls: Array<(target: BlockLogTarget) => Promise<RollCut> | RollCut> = [];
  readonly targets: BlockLogTarget[] = [];
  /** After a roll that works: the new file's fate, one each. Without one nothing happens until the test says so. */
  readonly afterRoll: Array<() => void> = [];
  isClosed = false;
  /** Written and synced bytes of the current file. */
  private startLsn: number;

  constructor(lsn = 0) {
    this.startLsn = lsn;
    for (const index of [Status.appendedLsn, Status.writtenLsn, Status.syncedLsn]) this.numbers[index] = lsn;
  }

  /** A write(2) has come back, up to this LSN. */
  written(lsn = this.value('appendedLsn')): void {
    this.set('writtenLsn', lsn);
    this.set('writeCount', this.value('writeCount') + 1);
  }

  /** An fdatasync that covers what is written has come back well. */
  synced(lsn = this.value('writtenLsn')): void {
    this.set('writtenLsn', Math.max(lsn, this.value('writtenLsn')));
    this.set('syncedLsn', lsn);
    this.set('isSyncing', 0);
    this.set('syncCount', this.value('syncCount') + 1);
  }

  fails(fault: number, errno: number): void {
    this.set('fault', fault);
    this.set('faultErrno', errno);
    this.set('isSyncing', 0);
  }

  value(name: Exclude<keyof typeof Status, 'length'>): number {
    return this.numbers[Status[name]] as number;
  }

  set(name: Exclude<keyof typeof Status, 'length'>, value: number): void {
    this.numbers[Status[name]] = value;
  }

  append(...argv: Arg[]): number {
    return this.appendArray(argv);
  }

  appendArray(argv: readonly Arg[]): number {
    this.calls.push(`append ${argv.join(' ')}`);
    if (argv.some((arg) => typeof arg === 'object' && !(arg instanceof Uint8Array))) throw new TypeError('no Arg');
    return this.count(argv.length * 10);
  }

  appendRaw(_bytes: Uint8Array, start: number, end: number): number {
    this.calls.push(`appendRaw ${start} ${end}`);
    return this.count(end - start);
  }

  appendRawChecked(bytes: Uint8Array, start: number, end: number): number {
    return this.appendRaw(bytes, start, end);
  }

  select(db: number): number {
    this.calls.push(`select ${db}`);
    return this.count(20);
  }

  appendTimestamp(seconds: number): number {
    this.calls.push(`timestamp ${seconds}`);
    return this.count(10);
  }

  beginUnit(): void {
    this.calls.push('beginUnit');
  }

  endUnit(): void {
    this.calls.push('endUnit');
  }

  tick(): void {}

  flush(sync: boolean): void {
    this.calls.push(sync ? 'flush sync' : 'flush');
  }

  mark(kind: 'c' | 'i'): void {
    this.calls.push(`mark ${kind}`);
  }

  setRetain(untilSynced: boolean): void {
    this.calls.push(`retain ${untilSynced}`);
  }

  setChecksum(): void {}

  setWriteDelay(): void {}

  status(out: Float64Array): void {
    out.set(this.numbers);
  }

  resume(): void {
    this.calls.push('resume');
    this.fails(BlockLogFault.none, 0);
  }

  async openNext(): Promise<void> {
    throw new Error('not in the script');
  }

  switchToNext(): void {}

  resumeTarget(): void {}

  async roll(target: BlockLogTarget): Promise<RollCut> {
    this.calls.push(`roll ${target.path}`);
    const script = this.rolls.shift();
    if (script !== undefined) return script(target);
    return this.takeOver(target);
  }

  /** What a roll that works does: the fault is gone, everything un-synced is to be written again. */
  takeOver(target: BlockLogTarget): RollCut {
    const lsn = this.value('syncedLsn');
    const cut = { offset: lsn - this.startLsn, lsn, fileLsn: lsn };
    this.startLsn = lsn;
    this.targets.push(target);
    this.fails(BlockLogFault.none, 0);
    this.set('writtenLsn', lsn);
    this.afterRoll.shift()?.();
    return cut;
  }

  async truncate(): Promise<void> {}

  writeOutSync(): number {
    this.calls.push('writeOutSync');
    return 0;
  }

  async close(): Promise<void> {
    this.calls.push('close');
    this.isClosed = true;
  }

  private count(bytes: number): number {
    const lsn = this.value('appendedLsn') + bytes;
    this.set('appendedLsn', lsn);
    return lsn;
  }
}
