import { CONNECTION, CONNECTION_CATEGORIES } from '../admin-flags.js';
import { SYNTAX_ERROR } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';

/** The connection drops what is written while the mode is not `on`, the reply of the command that set it included. */
export const clientReply: CommandSpec = {
  name: 'client|reply',
  arity: 3,
  flags: CONNECTION,
  keys: null,
  categories: CONNECTION_CATEGORIES,
  summary: 'Switches replies off, on, or off for the next command.',
  since: '3.2.0',
  group: 'connection',
  showsNoData: true,
  execute({ argv, session, reply }) {
    if (argv.is(2, 'ON')) session.replyMode = 'on';
    else if (argv.is(2, 'OFF')) session.replyMode = 'off';
    else if (!argv.is(2, 'SKIP')) throw new CommandError(SYNTAX_ERROR);
    else if (session.replyMode !== 'off') session.replyMode = 'skip';
    reply.simple('OK');
  },
};
