/** CLIENT PAUSE and UNPAUSE. */
import { ADMIN, ADMIN_CONNECTION_CATEGORIES } from '../admin-flags.js';
import { integerArgument } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';

export const clientPause: CommandSpec = {
  name: 'client|pause',
  arity: -3,
  flags: ADMIN,
  keys: null,
  categories: ADMIN_CONNECTION_CATEGORIES,
  summary: 'Holds back the commands of all clients, or their writes, for some time.',
  since: '2.9.50',
  group: 'connection',
  showsNoData: true,
  execute({ argv, server, reply }) {
    const hasMode = argv.argc > 3;
    if (hasMode && !argv.is(3, 'WRITE') && !argv.is(3, 'ALL')) {
      throw new CommandError('ERR CLIENT PAUSE mode must be WRITE or ALL');
    }
    const timeoutMs = integerArgument(argv, 2, 'ERR timeout is not an integer or out of range');
    if (timeoutMs < 0) throw new CommandError('ERR timeout is negative');
    server.clients.pause(timeoutMs, hasMode && argv.is(3, 'WRITE'));
    reply.simple('OK');
  },
};

export const clientUnpause: CommandSpec = {
  name: 'client|unpause',
  arity: 2,
  flags: ADMIN,
  keys: null,
  categories: ADMIN_CONNECTION_CATEGORIES,
  summary: 'Ends a pause of the clients.',
  since: '6.2.0',
  group: 'connection',
  showsNoData: true,
  execute({ server, reply }) {
    server.clients.unpause();
    reply.simple('OK');
  },
};
