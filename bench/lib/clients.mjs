/** Closed-loop clients: `inFlight` of them, each with one operation under way, for `seconds`. */
import { createHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { now } from './clock.mjs';

/** Every so many operations one is timed: two clock readings for each would be a good part of what is measured. */
const TIMED_EVERY = 16;

/** `operation(i)` gets a number that no other call gets. Returns the count, the time and latencies in milliseconds. */
export async function runClients({ inFlight, seconds, warmUpSeconds = Math.min(0.5, seconds / 4) }, operation) {
  let next = 0;
  let count = 0;
  let isMeasured = false;
  let isOver = false;
  const histogram = createHistogram();
  const client = async () => {
    while (!isOver) {
      const i = next++;
      const begin = i % TIMED_EVERY === 0 ? process.hrtime.bigint() : 0n;
      await operation(i);
      if (!isMeasured || isOver) continue;
      count++;
      if (begin > 0n) histogram.record(process.hrtime.bigint() - begin || 1n);
    }
  };
  const clients = Array.from({ length: inFlight }, client);
  await wait(warmUpSeconds);
  isMeasured = true;
  const begin = now();
  await wait(seconds);
  isOver = true;
  const took = now() - begin;
  await Promise.all(clients);
  return {
    count,
    seconds: took,
    latency: { p50Ms: histogram.percentile(50) / 1e6, p99Ms: histogram.percentile(99) / 1e6, maxMs: histogram.max / 1e6 },
  };
}

function wait(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

const RESOLUTION_MS = 1;

/** Delay of the event loop beyond the sampling interval, milliseconds. */
export function watchLoop() {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const beyond = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  return {
    reset: () => histogram.reset(),
    stop: () => {
      histogram.disable();
      return {
        loopP50Ms: beyond(histogram.percentile(50)),
        loopP99Ms: beyond(histogram.percentile(99)),
        loopMaxMs: beyond(histogram.max),
      };
    },
  };
}
