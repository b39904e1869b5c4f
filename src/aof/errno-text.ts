/** strerror's texts for what a log's disk can answer, on Linux: clients and operators match on them. */
const TEXTS: Readonly<Record<number, string>> = {
  1: 'Operation not permitted',
  2: 'No such file or directory',
  5: 'Input/output error',
  9: 'Bad file descriptor',
  11: 'Resource temporarily unavailable',
  12: 'Cannot allocate memory',
  13: 'Permission denied',
  14: 'Bad address',
  16: 'Device or resource busy',
  19: 'No such device',
  22: 'Invalid argument',
  23: 'Too many open files in system',
  24: 'Too many open files',
  27: 'File too large',
  28: 'No space left on device',
  29: 'Illegal seek',
  30: 'Read-only file system',
  32: 'Broken pipe',
  107: 'Transport endpoint is not connected',
  116: 'Stale file handle',
  117: 'Structure needs cleaning',
  121: 'Remote I/O error',
  122: 'Disk quota exceeded',
};

const ENOSPC = 28;
const EDQUOT = 122;

export function errnoText(errno: number): string {
  return TEXTS[errno] ?? `Unknown error ${errno}`;
}

/** Passes by itself when somebody makes room. EFBIG does not: it is a limit of one file. */
export function isDiskFull(errno: number): boolean {
  return errno === ENOSPC || errno === EDQUOT;
}
