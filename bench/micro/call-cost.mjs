/** Cost of single calls on the event loop, with the package `benchmark`. No targets: these explain the rows above. */
import { median, samples } from '../lib/stats.mjs';
import { line } from '../lib/verdict.mjs';

export const row = {
  id: 'calls',
  title: 'One call on the event loop',
  secondsPerRound: 10,
  method:
    'Package `benchmark`, cycles of 4096 calls, a turn of the event loop and back-pressure between them, policy everysec. With large values the ' +
    "disk's bandwidth shows through.",
  async run({ compare, isQuick }) {
    await compare('calls', {
      measure: 'calls',
      params: { maxTime: isQuick ? 0.05 : 1 },
      subjects: ['native', 'fallback'],
      rounds: isQuick ? 1 : 3,
    });
  },
  evaluate({ calls }) {
    const first = calls.trials.find((trial) => trial.result)?.result.nanoseconds ?? {};
    return Object.keys(first).flatMap((what) =>
      ['native', 'fallback'].map((subject) => {
        const value = median(samples(calls, subject, ({ nanoseconds }) => nanoseconds[what]));
        return line({ what, subject, figure: Number.isFinite(value) ? `${value.toFixed(0)} ns` : 'not run' });
      }),
    );
  },
};
