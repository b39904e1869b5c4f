/** P8, and P10 in the same trials: how soon a server is there with its data, and what memory it has then. */
import { samples, typical } from '../lib/stats.mjs';
import { mebibytesText, ratioLimitLine } from '../lib/verdict.mjs';

const SUBJECTS = ['native', 'fallback', 'redis-server'];
const LOADS = {
  strings: { seconds: { native: 0.5, fallback: 0.7 }, memory: { native: 1.0, fallback: 1.0 } },
  mixed: { seconds: { native: 1.0, fallback: 1.3 }, memory: { native: 1.3, fallback: 1.3 } },
};

export const row = {
  id: 'P8',
  also: ['P10'],
  title: 'Start to ready, and the memory after it (P10)',
  secondsPerRound: 55,
  method:
    'One incr file, written by everysec, of 5 M SETs of different keys (375 MB), and one of 1 M keys of 5 elements of 16 bytes each, of every type that the store has (the lines name them). Each trial ' +
    'has its own copy of the directory, in the page cache. From the start of the process to its first +PONG (asked every 5 ms; LOADING until then), and the CPU time until then; VmRSS of /proc a second ' +
    'later, and its highest (VmHWM) until then. The number of keys is checked.',
  async run({ compare, prepareSource, isQuick }) {
    const loads = {
      strings: { keys: isQuick ? 5_000 : 5_000_000, prepare: 'prepareKeys' },
      mixed: { keys: isQuick ? 1_000 : 1_000_000, prepare: 'prepareMixed' },
    };
    for (const [name, { keys, prepare }] of Object.entries(loads)) {
      const made = (await prepareSource('native', { keys }, prepare)) ?? (await prepareSource('fallback', { keys }, prepare));
      if (made === null) continue;
      const { remove, ...source } = made;
      await compare(name, {
        measure: 'startToReady',
        params: { ...source, keys, restSeconds: isQuick ? 0 : 1 },
        subjects: SUBJECTS,
      });
      remove();
    }
  },
  evaluate(measurements) {
    const measured = Object.entries(LOADS).filter(([name]) => measurements[name] !== undefined);
    const lines = (metric, targets, what, show) =>
      measured.flatMap(([name, load]) =>
        Object.entries(load[targets]).map(([subject, target]) =>
          ratioLimitLine({
            measurement: measurements[name],
            what: `${what}, ${describe(measurements[name].params)}`,
            subject,
            reference: 'redis-server',
            target,
            metric,
            show,
          }),
        ),
      );
    return [
      ...lines('seconds', 'seconds', 'start to ready', showSeconds),
      ...lines('rssBytes', 'memory', 'P10: resident after it', showMemory),
    ];
  },
};

function describe({ keys, kinds, fileBytes }) {
  const held = kinds === undefined ? 'strings' : kinds.join(', ');
  return `${keys.toLocaleString('en')} keys (${held}; ${(fileBytes / 1e6).toFixed(0)} MB)`;
}

function showSeconds(measurement, subject) {
  const seconds = typical(measurement, subject, 'seconds');
  if (!Number.isFinite(seconds)) return 'not run';
  const found = samples(measurement, subject, 'seconds');
  const cpu = typical(measurement, subject, 'serverCpuSeconds').toFixed(2);
  return `${seconds.toFixed(2)} s (${Math.min(...found).toFixed(2)} to ${Math.max(...found).toFixed(2)}; CPU ${cpu} s)`;
}

function showMemory(measurement, subject) {
  const text = (metric) => mebibytesText(typical(measurement, subject, metric));
  return `${text('rssBytes')} (highest ${text('peakRssBytes')})`;
}
