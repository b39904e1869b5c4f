/** Seconds on a clock that never jumps. */
export function now() {
  return Number(process.hrtime.bigint()) / 1e9;
}

/** A throughput result: `count` commands of `bytes` payload bytes in all. */
export function throughput(count, bytes, seconds) {
  return { count, bytes, seconds, perSecond: count / seconds, bytesPerSecond: bytes / seconds };
}
