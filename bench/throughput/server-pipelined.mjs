/** P5: SETs over sockets, 16 in a pipeline. */
import { typical } from '../lib/stats.mjs';
import { millisecondsText, perSecondText, ratioLine } from '../lib/verdict.mjs';

const POLICIES = ['everysec', 'always'];
const TARGETS = { native: 1.0, fallback: 0.8 };
export const SERVER_KEYS = 100_000;

export const row = {
  id: 'P5',
  title: 'A server: SET, 50 clients, 16 commands in a pipeline, everysec and always',
  secondsPerRound: 60,
  method:
    '`everysec serve` and redis-server, each started on an empty directory, under `redis-benchmark -t set -c 50 -P 16 -r 100000 -d 32`: one process and one thread that keeps a ' +
    'core busy by itself. Its keys have 16 bytes (`key:` and 12 digits, drawn anew for each command from 100,000), its value is one for all, 32 times x. 3 M requests after 750,000 that are not counted, so that compiled code is compiled. ' +
    'Automatic rewrites are off. Latency is what redis-benchmark tells, of a pipeline of 16.',
  async run({ compare, isQuick }) {
    for (const appendfsync of isQuick ? ['everysec'] : POLICIES) {
      await compare(`set-${appendfsync}`, {
        measure: 'serverLoad',
        params: {
          directives: { appendfsync },
          commands: ['set'],
          pipeline: 16,
          keys: SERVER_KEYS,
          requests: isQuick ? 2_000 : 3_000_000,
        },
        subjects: [...Object.keys(TARGETS), 'redis-server'],
      });
    }
  },
  evaluate(measurements) {
    return POLICIES.filter((policy) => measurements[`set-${policy}`] !== undefined).flatMap((policy) =>
      Object.entries(TARGETS).map(([subject, target]) =>
        ratioLine({
          measurement: measurements[`set-${policy}`],
          what: `SET, ${policy}`,
          subject,
          reference: 'redis-server',
          target,
          metric: rateOf('set'),
          show: showLoad('set'),
        }),
      ),
    );
  },
};

export function rateOf(command) {
  return (result) => result[command].perSecond;
}

/** Rate and latencies of one command. */
export function showLoad(command) {
  return (measurement, subject) => {
    const figure = (name) => typical(measurement, subject, (result) => result[command][name]);
    if (!Number.isFinite(figure('perSecond'))) return 'not run';
    return `${perSecondText(figure('perSecond'))} (p50 ${millisecondsText(figure('p50Ms'))}, p99 ${millisecondsText(figure('p99Ms'))}, longest ${millisecondsText(figure('maxMs'))})`;
  };
}
