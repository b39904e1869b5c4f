/** LATENCY: spikes above latency-monitor-threshold, by event. */
import { ADMIN, ADMIN_CATEGORIES, helpCommand, neverExecuted } from '../admin-flags.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { latencyReport } from './latency-report.js';

const common = { flags: ADMIN, keys: null, categories: ADMIN_CATEGORIES, group: 'server', showsNoData: true };

const latest: CommandSpec = {
  ...common,
  name: 'latency|latest',
  arity: 2,
  summary: 'Tells the last and the worst spike of each event.',
  since: '2.8.13',
  execute({ server, reply }) {
    const events = server.latency.latest();
    reply.array(events.length);
    for (const event of events) {
      reply.array(4);
      reply.bulk(event.name);
      reply.integer(event.lastAtSeconds);
      reply.integer(event.lastMs);
      reply.integer(event.maxMs);
    }
  },
};

const history: CommandSpec = {
  ...common,
  name: 'latency|history',
  arity: 3,
  summary: 'Tells the spikes of one event.',
  since: '2.8.13',
  execute({ argv, server, reply }) {
    const samples = server.latency.history(argv.text(2));
    reply.array(samples.length);
    for (const [seconds, ms] of samples) {
      reply.array(2);
      reply.integer(seconds);
      reply.integer(ms);
    }
  },
};

const reset: CommandSpec = {
  ...common,
  name: 'latency|reset',
  arity: -2,
  summary: 'Forgets the spikes of the named events, or of all.',
  since: '2.8.13',
  execute({ argv, server, reply }) {
    const events: string[] = [];
    for (let i = 2; i < argv.argc; i++) events.push(argv.text(i));
    reply.integer(server.latency.reset(events));
  },
};

const doctor: CommandSpec = {
  ...common,
  name: 'latency|doctor',
  arity: 2,
  summary: 'Reports the spikes in words.',
  since: '2.8.13',
  execute: ({ server, reply }) => reply.verbatim('txt', latencyReport(server)),
};

const graph: CommandSpec = {
  ...common,
  name: 'latency|graph',
  arity: 3,
  summary: 'Refused: use LATENCY HISTORY.',
  since: '2.8.13',
  execute({ argv, server }) {
    const event = argv.text(2);
    if (server.latency.history(event).length === 0) throw new CommandError(`ERR No samples available for event '${event}'`);
    throw new CommandError('ERR LATENCY GRAPH is not supported, use LATENCY HISTORY');
  },
};

const histogram: CommandSpec = {
  ...common,
  name: 'latency|histogram',
  arity: -2,
  summary: 'Answers nothing: commands are not timed one by one.',
  since: '7.0.0',
  execute: ({ reply }) => reply.map(0),
};

const HELP = [
  'DOCTOR',
  '    Return a human readable latency analysis report.',
  'HISTORY <event>',
  '    Return time-latency samples for the <event> class.',
  'LATEST',
  '    Return the latest latency samples for all events.',
  'RESET [<event> ...]',
  '    Reset latency data of one or more <event> classes.',
  '    (default: reset all data for all event classes)',
];

export const latency: CommandSpec = {
  name: 'latency',
  arity: -2,
  flags: [],
  keys: null,
  categories: ['@slow'],
  summary: 'Looks at latency spikes.',
  since: '2.8.13',
  group: 'server',
  showsNoData: true,
  subcommands: [doctor, graph, helpCommand('latency', 'server', '2.8.13', HELP), histogram, history, latest, reset],
  execute: neverExecuted,
};
