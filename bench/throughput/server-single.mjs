/** P6: SET and GET over sockets, one at a time: how much of what Node's sockets give is left. */

import { pairedRatio } from '../lib/stats.mjs';
import { line, ratioLine, ratioText } from '../lib/verdict.mjs';
import { rateOf, SERVER_KEYS, showLoad } from './server-pipelined.mjs';

const TARGETS = { everysec: { native: 0.85, fallback: 0.75 }, always: { native: 0.65, fallback: 0.6 } };
const BACKENDS = ['native', 'fallback'];
const COMMANDS = ['set', 'get'];

export const row = {
  id: 'P6',
  title: 'A server: SET and GET, 50 clients, each waiting for its reply, everysec and always',
  secondsPerRound: 110,
  method:
    'As P5 with `-P 1`, 400,000 requests of each command after 100,000 that are not counted. The reference is a Node server that answers +OK to ' +
    'whatever arrives and does nothing (bench/peers/bare-server.mjs); redis-server is reported beside it.',
  async run({ compare, isQuick }) {
    for (const appendfsync of isQuick ? ['everysec'] : Object.keys(TARGETS)) {
      await compare(`single-${appendfsync}`, {
        measure: 'serverLoad',
        params: {
          directives: { appendfsync },
          commands: COMMANDS,
          pipeline: 1,
          keys: SERVER_KEYS,
          requests: isQuick ? 1_000 : 400_000,
        },
        subjects: ['bare-server', ...BACKENDS, 'redis-server'],
      });
    }
  },
  evaluate(measurements) {
    return Object.keys(TARGETS)
      .filter((policy) => measurements[`single-${policy}`] !== undefined)
      .flatMap((policy) => COMMANDS.flatMap((command) => evaluateOne(measurements[`single-${policy}`], policy, command)));
  },
};

function evaluateOne(measurement, policy, command) {
  const what = `${command.toUpperCase()}, ${policy}`;
  const common = { measurement, metric: rateOf(command), show: showLoad(command) };
  return [
    ...BACKENDS.map((subject) =>
      ratioLine({
        ...common,
        what,
        subject,
        reference: 'bare-server',
        referenceName: 'a server that does nothing',
        target: TARGETS[policy][subject],
      }),
    ),
    ...BACKENDS.map((subject) =>
      line({
        what,
        subject,
        figure: '',
        reference: `redis-server ${showLoad(command)(measurement, 'redis-server')}`,
        ratio: ratioText(pairedRatio(measurement, subject, 'redis-server', rateOf(command))),
      }),
    ),
  ];
}
