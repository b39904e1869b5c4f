/** P3: group commit. Many writers, each waiting until its own record is on the disk. */
import { samples, typical } from '../lib/stats.mjs';
import { commandsPerSecond, limitLine, line, ratioLine } from '../lib/verdict.mjs';

const IN_FLIGHT = [64, 256];
const TARGETS = { native: 3, fallback: 1 };
const LOOP_P99_MS = 5;

export const row = {
  id: 'P3',
  title: 'Durable appends: 64 and 256 in flight, each waiting for its own sync, policy always',
  secondsPerRound: 65,
  method:
    'Closed loop: each of 64 (256) clients appends one record and awaits `synced(lsn)` before its next. lmdb in two ways, each client ' +
    'awaiting `flushed` after its own put, and as many puts at once followed by one wait for `flushed`; the faster one is the reference. classic-level with ' +
    '`sync: true`. The delay of the event loop is that of perf_hooks.monitorEventLoopDelay at 1 ms, the interval itself taken off.',
  async run({ compare, isQuick }) {
    for (const inFlight of IN_FLIGHT) {
      await compare(`durable-${inFlight}`, {
        measure: 'durable',
        params: { inFlight, seconds: isQuick ? 0.3 : 4 },
        subjects: ['native', 'fallback', 'lmdb', { name: 'lmdb', as: 'lmdb-batch', measure: 'durableBatch' }, 'classic-level'],
      });
    }
  },
  evaluate(measurements) {
    return IN_FLIGHT.flatMap((inFlight) => evaluateOne(measurements[`durable-${inFlight}`], inFlight));
  },
};

function evaluateOne(measurement, inFlight) {
  const rate = (subject) => typical(measurement, subject, 'perSecond');
  const reference = rate('lmdb-batch') > rate('lmdb') ? 'lmdb-batch' : 'lmdb';
  const what = `${inFlight} in flight`;
  return [
    ...Object.entries(TARGETS).map(([subject, target]) =>
      ratioLine({ measurement, what, subject, reference, referenceName: `${reference}, flushed`, target }),
    ),
    ...Object.keys(TARGETS).map((subject) =>
      ratioLine({ measurement, what, subject, reference: 'classic-level', referenceName: 'classic-level, sync' }),
    ),
    ...Object.keys(TARGETS).map((subject) => loopLine(measurement, what, subject, subject === 'native')),
  ];
}

function loopLine(measurement, what, subject, hasTarget) {
  const value = typical(measurement, subject, 'loopP99Ms');
  const worst = Math.max(...samples(measurement, subject, 'loopMaxMs'));
  const text = `${value.toFixed(2)} ms (longest ${worst.toFixed(1)} ms), ${commandsPerSecond(measurement, subject)}`;
  const label = `${what}: loop delay p99`;
  if (hasTarget) return limitLine({ what: label, subject, value, text, target: LOOP_P99_MS, targetText: `${LOOP_P99_MS} ms` });
  return line({ what: label, subject, figure: Number.isFinite(value) ? text : 'not run' });
}
