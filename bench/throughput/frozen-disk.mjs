/** P4: the event loop while the disk stops for ten seconds. */
import { samples, typical } from '../lib/stats.mjs';
import { limitLine, line } from '../lib/verdict.mjs';

const POLICIES = ['always', 'everysec', 'no'];
const BACKENDS = ['native', 'fallback'];
const LOOP_MAX_MS = 50;

export const row = {
  id: 'P4',
  title: 'The event loop while the disk is frozen for 10 s under load, every policy',
  secondsPerRound: 150,
  method:
    'An ext4 on a loop device is stopped by `fsfreeze` under an embedded log (`everysec/aof`, `aof-buffer-limit` 8 MiB) that is offered 512 records every 2 ms for as long as it is ' +
    '`writable`, while somebody awaits `synced()` (not under `no`). The delay is the longest of perf_hooks.monitorEventLoopDelay at 1 ms, the interval itself taken off; beside it that of the same load on ' +
    'a tmpfs, where nothing stalls: what the machine and the load cost by themselves. Below: servers in the same situation with 8 writing clients, and the longest PING of a ninth. ' +
    'A client of redis-server waits as long as its write(2) does. On a machine that others use as well a loop that waits for a processor looks like one that waits for the disk: ' +
    'there run it as `chrt -r 1 node bench/run.mjs --rows P4`, as the record here was made.',
  async run({ compare, isQuick }) {
    const seconds = isQuick ? 0.5 : 10;
    for (const appendfsync of isQuick ? ['everysec'] : POLICIES) {
      await compare(`frozen-${appendfsync}`, {
        measure: 'frozenEmbedded',
        params: { seconds, appendfsync },
        subjects: BACKENDS.flatMap((name) => [
          name,
          { name, as: `${name}-tmpfs`, params: { onTmpfs: true, seconds: Math.min(seconds, 3) } },
        ]),
      });
      await compare(`frozen-server-${appendfsync}`, {
        measure: 'frozenServer',
        params: { seconds, appendfsync },
        rounds: 1,
        subjects: [...BACKENDS, 'redis-server'],
      });
    }
  },
  evaluate(measurements) {
    const measured = POLICIES.filter((policy) => measurements[`frozen-${policy}`] !== undefined);
    return [
      ...measured.flatMap((policy) => BACKENDS.map((subject) => loopLine(measurements[`frozen-${policy}`], policy, subject))),
      ...measured.flatMap((policy) =>
        [...BACKENDS, 'redis-server'].map((subject) => pingLine(measurements[`frozen-server-${policy}`], policy, subject)),
      ),
    ];
  },
};

/** The longest of all rounds counts: a loop that hangs once hangs. */
function worst(measurement, subject, metric) {
  const found = samples(measurement, subject, metric);
  return found.length === 0 ? Number.NaN : Math.max(...found);
}

function loopLine(measurement, policy, subject) {
  const value = worst(measurement, subject, 'loopMaxMs');
  const buffered = worst(measurement, subject, 'peakBufferedBytes') / 2 ** 20;
  const beside = worst(measurement, `${subject}-tmpfs`, 'loopMaxMs');
  return limitLine({
    what: `${policy}: longest loop delay`,
    subject,
    value,
    text: `${value.toFixed(1)} ms (p99 ${typical(measurement, subject, 'loopP99Ms').toFixed(2)} ms), at most ${buffered.toFixed(1)} MiB in memory`,
    target: LOOP_MAX_MS,
    targetText: `${LOOP_MAX_MS} ms`,
    reference: Number.isFinite(beside) ? `on tmpfs ${beside.toFixed(1)} ms` : '',
  });
}

function pingLine(measurement, policy, subject) {
  const value = worst(measurement, subject, 'longestPingMs');
  const figure = Number.isFinite(value)
    ? `${value < 1000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(1)} s`}, ${worst(measurement, subject, 'answeredWhileFrozen')} SETs answered meanwhile`
    : 'not run';
  return line({ what: `${policy}: a server's longest PING`, subject, figure });
}
