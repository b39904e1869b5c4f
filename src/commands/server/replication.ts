/** What clients ask about replication, of which there is none: ROLE, REPLICAOF NO ONE, WAIT; and MONITOR. */
import { ADMIN, ADMIN_CATEGORIES } from '../admin-flags.js';
import { integerArgument } from '../arguments.js';
import { type CommandContext, CommandError, type CommandFlag, type CommandSpec } from '../spec.js';

export const role: CommandSpec = {
  name: 'role',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'fast'],
  keys: null,
  categories: ['@admin', '@fast', '@dangerous'],
  summary: 'Tells that this is a master without replicas.',
  since: '2.8.12',
  group: 'server',
  showsNoData: true,
  execute({ reply }) {
    reply.array(3);
    reply.bulk('master');
    reply.integer(0);
    reply.array(0);
  },
};

const replicaofFlags: readonly CommandFlag[] = ['admin', 'noscript', 'stale', 'no_async_loading'];

export const replicaof: CommandSpec = {
  name: 'replicaof',
  arity: 3,
  flags: replicaofFlags,
  keys: null,
  categories: ADMIN_CATEGORIES,
  summary: 'Takes NO ONE only.',
  since: '5.0.0',
  group: 'server',
  showsNoData: true,
  execute: takeNoOne,
};

export const slaveof: CommandSpec = { ...replicaof, name: 'slaveof', since: '1.0.0' };

function takeNoOne({ argv, reply }: CommandContext): void {
  if (argv.is(1, 'NO') && argv.is(2, 'ONE')) {
    reply.simple('OK');
    return;
  }
  const port = integerArgument(argv, 2, 'ERR Invalid master port');
  if (port < 0 || port > 65535) throw new CommandError('ERR Invalid master port');
  throw new CommandError('ERR replication is not supported');
}

export const wait: CommandSpec = {
  name: 'wait',
  arity: 3,
  flags: ['noscript'],
  keys: null,
  categories: ['@slow', '@connection'],
  summary: 'Answers 0, the number of replicas, without waiting for any to appear.',
  since: '3.0.0',
  group: 'generic',
  showsNoData: true,
  execute({ argv, reply }) {
    integerArgument(argv, 1);
    if (integerArgument(argv, 2, 'ERR timeout is not an integer or out of range') < 0) {
      throw new CommandError('ERR timeout is negative');
    }
    reply.integer(0);
  },
};

export const monitor: CommandSpec = {
  name: 'monitor',
  arity: 1,
  flags: ADMIN,
  keys: null,
  categories: ADMIN_CATEGORIES,
  summary: 'Refused.',
  since: '1.0.0',
  group: 'server',
  showsNoData: true,
  execute() {
    throw new CommandError('ERR MONITOR is not supported');
  },
};
