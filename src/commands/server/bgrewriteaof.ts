import { ADMIN_CATEGORIES } from '../admin-flags.js';
import type { CommandSpec } from '../spec.js';

export const bgrewriteaof: CommandSpec = {
  name: 'bgrewriteaof',
  arity: 1,
  flags: ['admin', 'noscript', 'no_async_loading'],
  keys: null,
  categories: ADMIN_CATEGORIES,
  summary: 'Starts a rewrite of the append only file.',
  since: '1.0.0',
  group: 'server',
  showsNoData: true,
  execute: ({ server, session, denyBlocking, reply }) =>
    reply.simple(server.persistence.startRewrite(session.kind === 'client' && denyBlocking)),
};
