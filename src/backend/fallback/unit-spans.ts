/**
 * Execution units that lie in more than one block, as stretches of LSNs, oldest first. Each begins where a block begins. A log
 * that gives up a file has to begin the next one at the start of a unit, so the blocks of a unit are kept together.
 */
interface Span {
  readonly start: number;
  end: number;
}

export class UnitSpans {
  private readonly spans: Span[] = [];
  /** The last of them is not over. */
  private isOpen = false;

  /** A block was sealed. `goesOn`: its unit is not over; it began with the block, or before it. */
  note(start: number, end: number, goesOn: boolean): void {
    const last = this.spans[this.spans.length - 1];
    if (this.isOpen && last !== undefined) last.end = end;
    else if (goesOn) this.spans.push({ start, end });
    this.isOpen = goesOn;
  }

  /** The open unit ends where the last block ends. */
  endOpen(): void {
    this.isOpen = false;
  }

  /** Start of the unit that has bytes before and after `lsn`, which lies between two blocks; `lsn` itself where none has. */
  startAt(lsn: number): number {
    for (const [i, { start, end }] of this.spans.entries()) {
      if (lsn <= start) break;
      if (lsn < end || (this.isOpen && i === this.spans.length - 1)) return start;
    }
    return lsn;
  }

  /** What is over by `lsn` will not be asked for any more. */
  forget(lsn: number): void {
    const kept = this.isOpen ? 1 : 0;
    while (this.spans.length > kept && (this.spans[0] as Span).end <= lsn) this.spans.shift();
  }
}
