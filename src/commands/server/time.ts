import type { CommandSpec } from '../spec.js';

export const time: CommandSpec = {
  name: 'time',
  arity: 1,
  flags: ['loading', 'stale', 'fast'],
  keys: null,
  categories: ['@fast'],
  summary: 'Tells the time: Unix seconds and microseconds.',
  since: '2.6.0',
  group: 'server',
  showsNoData: true,
  execute({ server, reply }) {
    const micros = server.unixMicros();
    reply.array(2);
    reply.bulk(String(Math.floor(micros / 1e6)));
    reply.bulk(String(micros % 1e6));
  },
};
