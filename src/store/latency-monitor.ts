/** Spikes by event name, as LATENCY shows them: at most one sample a second, the last 160 of each event. */
import type { LatencyEvent, LatencyPort } from '../commands/server-port.js';

const HISTORY = 160;

interface Series {
  maxMs: number;
  /** Oldest first. */
  readonly samples: Array<{ seconds: number; ms: number }>;
}

export class LatencyMonitor implements LatencyPort {
  private readonly series = new Map<string, Series>();
  /** latency-monitor-threshold in milliseconds; 0: nothing is recorded. */
  thresholdMs = 0;

  record(event: string, ms: number, nowSeconds: number): void {
    if (this.thresholdMs === 0 || ms < this.thresholdMs) return;
    const whole = Math.floor(ms);
    let series = this.series.get(event);
    if (series === undefined) {
      series = { maxMs: 0, samples: [] };
      this.series.set(event, series);
    }
    series.maxMs = Math.max(series.maxMs, whole);
    const last = series.samples.at(-1);
    if (last !== undefined && last.seconds === nowSeconds) {
      last.ms = Math.max(last.ms, whole);
      return;
    }
    series.samples.push({ seconds: nowSeconds, ms: whole });
    if (series.samples.length > HISTORY) series.samples.shift();
  }

  latest(): LatencyEvent[] {
    const events: LatencyEvent[] = [];
    for (const [name, { samples, maxMs }] of this.series) {
      const last = samples.at(-1);
      if (last !== undefined) events.push({ name, lastAtSeconds: last.seconds, lastMs: last.ms, maxMs });
    }
    return events;
  }

  history(event: string): Array<[seconds: number, ms: number]> {
    return (this.series.get(event)?.samples ?? []).map(({ seconds, ms }) => [seconds, ms]);
  }

  reset(events: readonly string[]): number {
    if (events.length > 0) return events.filter((event) => this.series.delete(event)).length;
    const count = this.series.size;
    this.series.clear();
    return count;
  }
}
