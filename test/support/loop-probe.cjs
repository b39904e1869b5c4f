// Preloaded (`node --require`) into a server: keeps the longest delay of its event loop, in milliseconds, in the file that
// EVERYSEC_LOOP_PROBE names. SIGUSR2 begins anew.
const { writeFileSync } = require('node:fs');
const { monitorEventLoopDelay } = require('node:perf_hooks');

const path = process.env.EVERYSEC_LOOP_PROBE;
if (path) {
  const RESOLUTION_MS = 1;
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  loop.enable();
  process.on('SIGUSR2', () => loop.reset());
  setInterval(() => writeFileSync(path, String(Math.max(0, loop.max / 1e6 - RESOLUTION_MS))), 50).unref();
}
