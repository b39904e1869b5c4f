import { ALWAYS } from '../admin-flags.js';
import type { CommandSpec } from '../spec.js';

export const quit: CommandSpec = {
  name: 'quit',
  arity: -1,
  flags: ALWAYS,
  keys: null,
  categories: ['@fast', '@connection'],
  summary: 'Closes the connection after the replies under way.',
  since: '1.0.0',
  group: 'connection',
  showsNoData: true,
  execute({ session, reply }) {
    session.closeAfterReply = true;
    reply.simple('OK');
  },
};
