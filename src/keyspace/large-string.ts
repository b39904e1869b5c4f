/** A string with a buffer of its own; its bytes are bytes[0, length). */
export class LargeString {
  /** Somebody else reads the bytes that are there now: they are not written in place any more. */
  isShared = false;

  constructor(
    public bytes: Buffer,
    public length: number,
  ) {}
}

/** A string that grows in place gets a quarter of its length as slack, so many bytes at most. */
const MAX_SLACK_BYTES = 1024 * 1024;

/** Slack for a string that grows to `length`. */
export function slackOf(length: number): number {
  return Math.min(length >>> 2, MAX_SLACK_BYTES);
}
