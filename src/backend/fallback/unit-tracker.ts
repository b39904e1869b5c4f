/**
 * Which execution unit is open. A unit is a record, or the records from MULTI to EXEC: a block's f=m is for people who look at
 * a file, because a block may be sealed (and its records acknowledged) between a unit's last record and the unit's end.
 */
export class UnitTracker {
  /** MULTI without EXEC. What follows says where that MULTI stands; stale when no unit is open. */
  isOpen = false;
  /** Where to cut: the block that the MULTI stands in, or the record itself where that is plain. */
  startOffset = 0;
  startLsn = 0;
  /** Commands before startOffset. */
  startCommands = 0;
  recordOffset = 0;
  recordLsn = 0;

  /** A second MULTI inside the first changes nothing: servers refuse it. */
  multi(startOffset: number, startLsn: number, startCommands: number, recordOffset: number, recordLsn: number): void {
    if (this.isOpen) return;
    this.isOpen = true;
    this.startOffset = startOffset;
    this.startLsn = startLsn;
    this.startCommands = startCommands;
    this.recordOffset = recordOffset;
    this.recordLsn = recordLsn;
  }

  /** EXEC or DISCARD. */
  end(): void {
    this.isOpen = false;
  }

  copyFrom(other: UnitTracker): void {
    this.isOpen = other.isOpen;
    this.startOffset = other.startOffset;
    this.startLsn = other.startLsn;
    this.startCommands = other.startCommands;
    this.recordOffset = other.recordOffset;
    this.recordLsn = other.recordLsn;
  }
}
