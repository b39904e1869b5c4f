import { ALWAYS } from '../admin-flags.js';
import type { CommandSpec } from '../spec.js';

export const reset: CommandSpec = {
  name: 'reset',
  arity: 1,
  flags: ALWAYS,
  keys: null,
  categories: ['@fast', '@connection'],
  summary: 'Puts the connection back into its first state.',
  since: '6.2.0',
  group: 'connection',
  showsNoData: true,
  execute({ session, reply, server, transaction }) {
    transaction.discard();
    session.db = 0;
    session.resp = 2;
    session.name = '';
    session.user = 'default';
    session.isAuthenticated = !server.isPasswordRequired;
    session.replyMode = 'on';
    session.noEvict = false;
    reply.simple('RESET');
  },
};
