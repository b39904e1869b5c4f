/**
 * How large the log is, without asking the disk each time: what the files had when they were last counted, and what was written since.
 * `written` is always the open log's total of bytes written, 0 where none is open.
 */
export class LogSize {
  #counted = 0;
  #writtenThen = 0;
  #afterRewrite = 0;

  /** All files had `bytes` together. */
  count(bytes: number, written: number): void {
    this.#counted = bytes;
    this.#writtenThen = written;
  }

  /** A rewrite has left `bytes`, and growth begins anew; at the start it is the base that stands for the last rewrite. */
  rewritten(bytes: number): void {
    this.#afterRewrite = bytes;
  }

  current(written: number): number {
    return this.#counted + Math.max(0, written - this.#writtenThen);
  }

  /** What growth is measured by. */
  get afterRewrite(): number {
    return this.#afterRewrite;
  }
}
