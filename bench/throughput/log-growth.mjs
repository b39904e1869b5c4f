/** P14: the twentieth million costs what the first did, and ten million keys cost no more than the memory they lie in. */
import { median, samples, typical } from '../lib/stats.mjs';
import { limitLine } from '../lib/verdict.mjs';

const TARGET = 1.2;
const EARLY = [1, 5];
const LATE = [-4];
const BACKENDS = ['native', 'fallback'];

export const row = {
  id: 'P14',
  title: 'Growth: cost per command, from 1 M to 20 M logged and from 100 k to 10 M keys held',
  method:
    '20 M appends as P1 in one process, timed by the million: the median of the last four against that of the second to the fifth (the first ' +
    'compiles). Keys held: `set` of random keys of an embedded store, everysec, with 100 k and 10 M keys in it; from the larger figure is taken what a bare ' +
    'probe loop (open addressing in a typed array, keys in one arena) costs more at that size.',
  async run({ compare, isQuick }) {
    const window = isQuick ? 10_000 : 1_000_000;
    await compare('logged', { measure: 'windows', params: { count: window * 20, window }, subjects: BACKENDS });
    const sizes = isQuick ? { few: 1_000, many: 10_000 } : { few: 100_000, many: 10_000_000 };
    for (const [name, keys] of Object.entries(sizes)) {
      await compare(`held-${name}`, {
        measure: 'held',
        params: { keys, count: isQuick ? 20_000 : 2_000_000 },
        subjects: ['probe', ...BACKENDS],
      });
    }
  },
  evaluate(measurements) {
    return [
      ...BACKENDS.map((subject) => loggedLine(measurements.logged, subject)),
      ...BACKENDS.map((subject) => heldLine(measurements['held-few'], measurements['held-many'], subject)),
    ];
  },
};

function loggedLine(logged, subject) {
  const early = ({ took }) => median(took.slice(...EARLY));
  const late = ({ took }) => median(took.slice(...LATE));
  const value = median(samples(logged, subject, (result) => late(result) / early(result)));
  const each = (part) => nanoseconds(median(samples(logged, subject, part)) / logged.params.window);
  return limitLine({
    what: 'per command logged, at 20 M over at 1 M',
    subject,
    value,
    text: `${value.toFixed(2)} (${each(late)})`,
    reference: each(early),
    target: TARGET,
  });
}

function heldLine(few, many, subject) {
  const each = (measurement, who) => 1 / typical(measurement, who, 'perSecond');
  const probe = each(many, 'probe') - each(few, 'probe');
  const value = (each(many, subject) - probe) / each(few, subject);
  return limitLine({
    what: 'per SET, 10 M keys held over 100 k, less the probe',
    subject,
    value,
    text: `${value.toFixed(2)} (${nanoseconds(each(many, subject))})`,
    reference: `${nanoseconds(each(few, subject))}; probe ${nanoseconds(each(few, 'probe'))} to ${nanoseconds(each(many, 'probe'))}`,
    target: TARGET,
  });
}

function nanoseconds(seconds) {
  return Number.isFinite(seconds) ? `${(seconds * 1e9).toFixed(0)} ns` : 'not run';
}
