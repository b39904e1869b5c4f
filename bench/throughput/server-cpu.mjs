/** P7: what the log costs a server in CPU time. */
import { pairedRatio, typical } from '../lib/stats.mjs';
import { line, ratioLimitLine, ratioText } from '../lib/verdict.mjs';
import { SERVER_KEYS } from './server-pipelined.mjs';

const TARGETS = { native: 1.1, fallback: 1.3, 'redis-server': undefined };

export const row = {
  id: 'P7',
  title: "A server's CPU time per SET, everysec over no log at all, 16 commands in a pipeline",
  secondsPerRound: 60,
  method:
    'As P5, with `appendonly yes` (everysec) and `appendonly no`, alternating. User and system time of all threads of the server, from /proc, from the first counted request to the last, in steps ' +
    "of 10 ms. What the kernel writes back by itself later is in nobody's time.",
  async run({ compare, isQuick }) {
    await compare('cpu', {
      measure: 'serverLoad',
      params: { commands: ['set'], pipeline: 16, keys: SERVER_KEYS, requests: isQuick ? 50_000 : 3_000_000 },
      subjects: Object.keys(TARGETS).flatMap((name) => [
        { name, params: { directives: { appendonly: 'yes', appendfsync: 'everysec' } } },
        { name, as: `${name}-without`, params: { directives: { appendonly: 'no' } } },
      ]),
    });
  },
  evaluate({ cpu }) {
    const lines = Object.entries(TARGETS).map(([subject, target]) =>
      ratioLimitLine({
        measurement: cpu,
        what: 'CPU time per SET, with the log',
        subject,
        reference: `${subject}-without`,
        referenceName: 'without',
        target,
        metric: cpuOf,
        show: (measurement, who) => {
          const micros = typical(measurement, who, cpuOf);
          return Number.isFinite(micros) ? `${micros.toFixed(2)} us` : 'not run';
        },
      }),
    );
    return [...lines, againstRedis(cpu, 'native')];
  },
};

const cpuOf = (result) => result.set.cpuMicros;

/** No worse than redis-server's own ratio. */
function againstRedis(cpu, subject) {
  const [ours, theirs] = [subject, 'redis-server'].map((who) => pairedRatio(cpu, who, `${who}-without`, cpuOf));
  return line({
    what: "that ratio, beside redis-server's own",
    subject,
    figure: ratioText(ours) || 'not run',
    reference: ratioText(theirs) || 'not run',
    target: '<= redis-server',
    met: Number.isFinite(ours) && Number.isFinite(theirs) ? ours <= theirs : null,
  });
}
