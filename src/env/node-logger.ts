/** Log lines in Redis's form: `<pid>:M 07 Jan 2026 13:05:09.123 * message`. */
import type { Clock, Logger, LogLevel } from './env.js';

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, verbose: 1, notice: 2, warning: 3 };
const SIGN: Readonly<Record<LogLevel, string>> = { debug: '.', verbose: '-', notice: '*', warning: '#' };
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Passes on what is at `threshold` or above, one line at a time, with its line feed. */
export function createLineLogger(clock: Clock, threshold: LogLevel, write: (line: string) => void): Logger {
  return {
    log(level, message) {
      if (RANK[level] < RANK[threshold]) return;
      write(`${process.pid}:M ${formatTime(new Date(clock.unixMs()))} ${SIGN[level]} ${message}\n`);
    },
  };
}

function formatTime(at: Date): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${two(at.getDate())} ${MONTHS[at.getMonth()]} ${at.getFullYear()}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}
