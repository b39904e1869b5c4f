/** Short pieces of input, put aside one behind the other until all sockets of a turn are read. */
import { ServerLimits } from './limits.js';

export class InputStash {
  readonly bytes = Buffer.allocUnsafeSlow(ServerLimits.stashBytes);
  private end = 0;

  /** Copies bytes[0] to bytes[length - 1]; where they stand now, until clear(). -1: there is no room. */
  put(bytes: Buffer, length: number): number {
    const start = this.end;
    if (start + length > this.bytes.length) return -1;
    bytes.copy(this.bytes, start, 0, length);
    this.end = start + length;
    return start;
  }

  clear(): void {
    this.end = 0;
  }
}
