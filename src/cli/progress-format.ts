/** One line that says how far long work is: bytes, share, rate, time left. Pure. */

export interface Progress {
  /** `loading`, `writing`. */
  readonly what: string;
  readonly bytes: number;
  /** 0 where nobody knows yet. */
  readonly totalBytes: number;
  /** 0 to 1: of bytes, or of something that tells better. */
  readonly share: number;
  readonly elapsedMs: number;
}

export function progressText({ what, bytes, totalBytes, share, elapsedMs }: Progress): string {
  const parts = [`${what} ${bytesText(bytes)}${totalBytes > 0 ? ` of ${bytesText(totalBytes)}` : ''}`];
  parts.push(`${Math.floor(Math.min(share, 1) * 100)}%`);
  if (elapsedMs > 0) parts.push(`${bytesText((bytes / elapsedMs) * 1000)}/s`);
  if (share > 0 && share < 1) parts.push(`${secondsText((elapsedMs / share - elapsedMs) / 1000)} left`);
  return parts.join(', ');
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Decimal units: 1234567 is 1.2 MB. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 999.5 && unit < UNITS.length - 1; unit++) value /= 1000;
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

export function secondsText(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
