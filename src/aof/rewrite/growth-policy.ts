/** When the log has grown enough to be rewritten by itself: Redis's arithmetic, in whole percent. Pure. */
export interface GrowthState {
  /** auto-aof-rewrite-percentage; 0 switches automatic rewrites off. */
  readonly percentage: number;
  /** auto-aof-rewrite-min-size: a log that is not larger is left alone. */
  readonly minSizeBytes: number;
  /** Base and incrs together, now and right after the last rewrite (or the base alone, since the start). */
  readonly currentSizeBytes: number;
  readonly baseSizeBytes: number;
}

/** Growth in percent when it has come so far, else null. */
export function dueGrowth({ percentage, minSizeBytes, currentSizeBytes, baseSizeBytes }: GrowthState): number | null {
  if (percentage === 0 || currentSizeBytes <= minSizeBytes) return null;
  const growth = Math.floor((currentSizeBytes * 100) / Math.max(baseSizeBytes, 1)) - 100;
  return growth >= percentage ? growth : null;
}
