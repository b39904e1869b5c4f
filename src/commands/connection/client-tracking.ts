/** Client-side caching, which is not supported: it is always off. */
import { CONNECTION, CONNECTION_CATEGORIES } from '../admin-flags.js';
import { SYNTAX_ERROR } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';

const common = { flags: CONNECTION, keys: null, categories: CONNECTION_CATEGORIES, group: 'connection', showsNoData: true };

export const clientTracking: CommandSpec = {
  ...common,
  name: 'client|tracking',
  arity: -3,
  summary: 'Client-side caching: can only be switched off.',
  since: '6.0.0',
  execute({ argv, reply }) {
    if (argv.is(2, 'ON')) throw new CommandError('ERR Client tracking is not supported');
    if (!argv.is(2, 'OFF')) throw new CommandError(SYNTAX_ERROR);
    reply.simple('OK');
  },
};

export const clientCaching: CommandSpec = {
  ...common,
  name: 'client|caching',
  arity: 3,
  summary: 'Client-side caching: refused, since it is off.',
  since: '6.0.0',
  execute() {
    throw new CommandError(
      'ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled',
    );
  },
};

export const clientGetredir: CommandSpec = {
  ...common,
  name: 'client|getredir',
  arity: 2,
  summary: 'Tells that no invalidations are redirected.',
  since: '6.0.0',
  execute: ({ reply }) => reply.integer(-1),
};

export const clientTrackinginfo: CommandSpec = {
  ...common,
  name: 'client|trackinginfo',
  arity: 2,
  summary: 'Tells that client-side caching is off.',
  since: '6.2.0',
  execute({ reply }) {
    reply.map(3);
    reply.bulk('flags');
    reply.set(1);
    reply.bulk('off');
    reply.bulk('redirect');
    reply.integer(-1);
    reply.bulk('prefixes');
    reply.array(0);
  },
};
