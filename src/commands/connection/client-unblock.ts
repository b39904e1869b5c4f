import { ADMIN, ADMIN_CONNECTION_CATEGORIES } from '../admin-flags.js';
import { integerArgument, SYNTAX_ERROR } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';

export const clientUnblock: CommandSpec = {
  name: 'client|unblock',
  arity: -3,
  flags: ADMIN,
  keys: null,
  categories: ADMIN_CONNECTION_CATEGORIES,
  summary: 'Ends the blocking command of a connection.',
  since: '5.0.0',
  group: 'connection',
  showsNoData: true,
  execute({ argv, server, reply }) {
    if (argv.argc > 4) throw new CommandError(SYNTAX_ERROR);
    const withError = argv.argc === 4 && argv.is(3, 'ERROR');
    if (argv.argc === 4 && !withError && !argv.is(3, 'TIMEOUT')) {
      throw new CommandError('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
    }
    reply.integer(server.clients.unblock(integerArgument(argv, 2), withError) ? 1 : 0);
  },
};
