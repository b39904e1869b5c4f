/** P14: the twentieth million costs what the first did, and ten million keys cost no more than the memory they lie in. */
import { median, samples } from '../lib/stats.mjs';
import { limitLine } from '../lib/verdict.mjs';

const TARGET = 1.2;
const EARLY = [1, 5];
const LATE = [-4];
const BACKENDS = ['native', 'fallback'];
/** Keys held; the first is what the others are compared with. */
const SIZES = ['100k', '1m', '10m'];
const KEYS = { '100k': 100_000, '1m': 1_000_000, '10m': 10_000_000 };
const QUICK_SHARE = 1000;

export const row = {
  id: 'P14',
  title: 'Growth: cost per command, from 1 M to 20 M logged and from 100 k to 10 M keys held',
  secondsPerRound: 90,
  method:
    '20 M appends as P1 in one process, timed by the million: the median of the last four against that of the second to the fifth (the first ' +
    'compiles). Keys held: 2 M times `set` of a random key of an embedded store, everysec, with 100 k, 1 M and 10 M keys in it. From each is taken what a bare probe ' +
    'loop costs at that size in the same round (the same random keys made and looked up: open addressing in a typed array, keys in one arena); what is left is compared with what is left at 100 k.',
  async run({ compare, isQuick }) {
    const window = isQuick ? 10_000 : 1_000_000;
    await compare('logged', { measure: 'windows', params: { count: window * 20, window }, subjects: BACKENDS });
    for (const size of SIZES) {
      await compare(`held-${size}`, {
        measure: 'held',
        params: { keys: KEYS[size] / (isQuick ? QUICK_SHARE : 1), count: isQuick ? 20_000 : 2_000_000 },
        subjects: ['probe', ...BACKENDS],
      });
    }
  },
  evaluate(measurements) {
    const [few, ...more] = SIZES;
    return [
      ...BACKENDS.map((subject) => loggedLine(measurements.logged, subject)),
      ...more.flatMap((many) => BACKENDS.map((subject) => heldLine(measurements, few, many, subject))),
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

function heldLine(measurements, few, many, subject) {
  const { rounds, ...of } = heldCosts(measurements, few, many, subject);
  const value = median(rounds);
  return limitLine({
    what: `per SET less the probe, ${many.toUpperCase()} keys held over ${few}`,
    subject,
    value,
    text: `${value.toFixed(2)} (${nanoseconds(of.many)} less ${nanoseconds(of.manyProbe)})`,
    reference: `${nanoseconds(of.few)} less ${nanoseconds(of.fewProbe)}`,
    target: TARGET,
  });
}

/** Medians in seconds per command, and of each round what is left at `many` over what is left at `few`. */
function heldCosts(measurements, few, many, subject) {
  const costs = (size, who) => samples(measurements[`held-${size}`], who, (result) => 1 / result.perSecond);
  const all = {
    few: costs(few, subject),
    fewProbe: costs(few, 'probe'),
    many: costs(many, subject),
    manyProbe: costs(many, 'probe'),
  };
  const rounds = all.many.map((cost, i) => (cost - all.manyProbe[i]) / (all.few[i] - all.fewProbe[i]));
  return { rounds, ...Object.fromEntries(Object.entries(all).map(([name, found]) => [name, median(found)])) };
}

function nanoseconds(seconds) {
  return Number.isFinite(seconds) ? `${(seconds * 1e9).toFixed(0)} ns` : 'not run';
}
