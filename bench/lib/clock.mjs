import { readFileSync } from 'node:fs';

/** Seconds on a clock that never jumps. */
export function now() {
  return Number(process.hrtime.bigint()) / 1e9;
}

/** A throughput result: `count` commands of `bytes` payload bytes in all. */
export function throughput(count, bytes, seconds) {
  return { count, bytes, seconds, perSecond: count / seconds, bytesPerSecond: bytes / seconds };
}

/**
 * CPU seconds that this process has used, and the share of it that its main thread (the event loop) has; user and system time in 10 ms
 * steps, from /proc. Null where there is no such file.
 */
export function cpuSeconds() {
  const usage = process.cpuUsage();
  return { all: (usage.user + usage.system) / 1e6, loop: cpuSecondsIn(`/proc/self/task/${process.pid}/stat`) };
}

/** The same of another process, all its threads. */
export function cpuSecondsOf(pid) {
  return cpuSecondsIn(`/proc/${pid}/stat`);
}

function cpuSecondsIn(path) {
  try {
    const stat = readFileSync(path, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return null;
  }
}

/** USER_HZ, which Linux fixes for every program. */
const TICKS_PER_SECOND = 100;
