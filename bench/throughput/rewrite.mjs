/** P11: a rewrite under load, on the disk as it is and on a slow one. */
import { typical } from '../lib/stats.mjs';
import { limitLine, line, mebibytesText, millisecondsText, perSecondText, ratioLimitLine } from '../lib/verdict.mjs';

const BACKENDS = ['native', 'fallback'];
const SUBJECTS = [...BACKENDS, 'redis-server'];
const DISKS = { normal: 'the disk as it is', throttled: 'a disk of 50 MB/s' };
const THROTTLED_BYTES_PER_SECOND = 50e6;
const PAUSE_MS = 5;
const EXTRA_SHARE = 0.05;
const KEPT_SHARE = 0.6;
const DURATION_RATIO = 1.5;

export const row = {
  id: 'P11',
  title: 'A rewrite of 5 M keys under a load of SETs, on the disk as it is and on a slow one',
  secondsPerRound: 140,
  method:
    "Servers (everysec policy, default options, no automatic rewrite) that have loaded P8's 5 M strings, under `redis-benchmark -t set -c 50 -P 1 -r 5000000 -d 32` at full speed all along. " +
    'After 2 s of that, 4 s without a rewrite, then BGREWRITEAOF until INFO says that it has ended. Pause: the longest PING of another connection, one a millisecond ' +
    '(until half a second after the end), less the longest of the 4 s before; the process that asks has the highest priority. Extra memory: the highest VmRSS during over the highest of the 4 s ' +
    'before, and of redis-server what its child copied (`aof_last_cow_size`) as well; as a share of that VmRSS. Throughput kept: commands per second during over before. The slow ' +
    'disk is an ext4 on a loop device whose writes the kernel holds to 50 MB/s (blkio throttle), before and during. redis-server writes its base as RDB, as it does by default; ' +
    'sizes of the bases are in the lines.',
  async run({ compare, prepareSource, isQuick }) {
    const keys = isQuick ? 20_000 : 5_000_000;
    const made =
      (await prepareSource('native', { keys }, 'prepareKeys')) ?? (await prepareSource('fallback', { keys }, 'prepareKeys'));
    if (made === null) return;
    for (const name of Object.keys(DISKS)) {
      await compare(name, {
        measure: 'rewriteUnderLoad',
        params: {
          source: made.source,
          keys,
          directives: { appendfsync: 'everysec' },
          pipeline: 1,
          seconds: isQuick ? 0.3 : 4,
          ...(name === 'throttled' ? { writeBytesPerSecond: THROTTLED_BYTES_PER_SECOND } : {}),
        },
        subjects: SUBJECTS,
      });
    }
    made.remove();
  },
  evaluate(measurements) {
    return Object.keys(DISKS)
      .filter((name) => measurements[name] !== undefined)
      .flatMap((name) => evaluateOne(measurements[name], DISKS[name]));
  },
};

const pauseOf = ({ during, without }) => Math.max(0, during.longestPingMs - without.longestPingMs);
const extraOf = ({ during, without, copiedBytes }) => Math.max(0, during.peakRssBytes - without.peakRssBytes) + copiedBytes;
const extraShareOf = (result) => extraOf(result) / result.without.peakRssBytes;
const keptOf = ({ during, without }) => during.perSecond / without.perSecond;

function evaluateOne(measurement, disk) {
  const of = (subject, metric) => typical(measurement, subject, metric);
  const percent = (value) => (Number.isFinite(value) ? `${(value * 100).toFixed(1)} %` : 'not run');
  const showPause = (who) =>
    `${millisecondsText(of(who, pauseOf))} (longest PING ${millisecondsText(of(who, (r) => r.during.longestPingMs))}, ` +
    `before ${millisecondsText(of(who, (r) => r.without.longestPingMs))}; p99 ${millisecondsText(of(who, (r) => r.during.p99PingMs))})`;
  const showExtra = (who) => `${percent(of(who, extraShareOf))} (${mebibytesText(of(who, extraOf))})`;
  const showKept = (who) =>
    `${percent(of(who, keptOf))} (${perSecondText(of(who, (r) => r.without.perSecond))} to ${perSecondText(of(who, (r) => r.during.perSecond))})`;
  const showDuration = (_, who) => {
    const seconds = of(who, 'duration');
    return Number.isFinite(seconds) ? `${seconds.toFixed(2)} s, a base of ${mebibytesText(of(who, 'baseBytes'))}` : 'not run';
  };
  const limit = (what, subject, metric, target, targetText, show) =>
    limitLine({
      what: `${what}, ${disk}`,
      subject,
      value: of(subject, metric),
      text: show(subject),
      target,
      targetText,
      reference: `redis-server ${show('redis-server')}`,
    });
  return [
    ...BACKENDS.map((who) => limit('pause beyond a run without', who, pauseOf, PAUSE_MS, `${PAUSE_MS} ms`, showPause)),
    ...BACKENDS.map((who) => limit('extra memory', who, extraShareOf, EXTRA_SHARE, '5 %', showExtra)),
    ...BACKENDS.map((subject) => {
      const kept = of(subject, keptOf);
      return line({
        what: `throughput kept, ${disk}`,
        subject,
        figure: showKept(subject),
        reference: `redis-server ${showKept('redis-server')}`,
        target: '>= 60 %',
        met: Number.isFinite(kept) ? kept >= KEPT_SHARE : null,
      });
    }),
    ...BACKENDS.map((subject) =>
      ratioLimitLine({
        measurement,
        what: `duration, ${disk}`,
        subject,
        reference: 'redis-server',
        target: DURATION_RATIO,
        metric: 'duration',
        show: showDuration,
      }),
    ),
  ];
}
