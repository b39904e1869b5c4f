/**
 * Which execution unit is open: MULTI without EXEC, or a block that says (f=m) that its last unit goes on.
 *
 * Outside MULTI a unit is a record, so an f=m block without an open MULTI leaves its last record open (a SELECT in front of
 * a command that went to the next block) unless that is an EXEC, which always ends a unit.
 */
export class UnitTracker {
  isMultiOpen = false;
  /** The last record of an f=m block waits for what belongs to it. */
  isTailOpen = false;
  /** Where to cut: the block that the open unit began in, or its record where that is plain. */
  startOffset = 0;
  startLsn = 0;
  /** Commands before startOffset. */
  startCommands = 0;
  recordOffset = 0;
  recordLsn = 0;

  get isOpen(): boolean {
    return this.isMultiOpen || this.isTailOpen;
  }

  /** A second MULTI inside the first changes nothing: servers refuse it. */
  multi(startOffset: number, startLsn: number, startCommands: number, recordOffset: number, recordLsn: number): void {
    if (this.isMultiOpen) return;
    this.open(startOffset, startLsn, startCommands, recordOffset, recordLsn);
    this.isMultiOpen = true;
    this.isTailOpen = false;
  }

  /** EXEC or DISCARD. */
  end(): void {
    this.isMultiOpen = false;
  }

  open(startOffset: number, startLsn: number, startCommands: number, recordOffset: number, recordLsn: number): void {
    this.startOffset = startOffset;
    this.startLsn = startLsn;
    this.startCommands = startCommands;
    this.recordOffset = recordOffset;
    this.recordLsn = recordLsn;
  }

  copyFrom(other: UnitTracker): void {
    this.isMultiOpen = other.isMultiOpen;
    this.isTailOpen = other.isTailOpen;
    this.open(other.startOffset, other.startLsn, other.startCommands, other.recordOffset, other.recordLsn);
  }
}
