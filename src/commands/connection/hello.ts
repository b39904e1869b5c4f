import { ALWAYS } from '../admin-flags.js';
import { int64Argument } from '../arguments.js';
import { type CommandContext, CommandError, type CommandSpec } from '../spec.js';
import { WRONG_PASSWORD } from './auth.js';
import { assertClientName } from './client-name.js';

/** Clients ask for features by this version, so it is the one whose behaviour is followed; INFO has our own. */
const COMPATIBLE_VERSION = '7.0.15';
const NOT_AUTHENTICATED =
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time';

export const hello: CommandSpec = {
  name: 'hello',
  arity: -1,
  flags: ALWAYS,
  keys: null,
  categories: ['@fast', '@connection'],
  summary: 'Chooses the protocol, and may authenticate and name the connection.',
  since: '6.0.0',
  group: 'connection',
  showsNoData: true,
  execute(ctx) {
    const { session, reply } = ctx;
    const options = readOptions(ctx);
    if (options.user !== null && options.password !== null) {
      if (!ctx.server.authenticate(options.user, options.password)) throw new CommandError(WRONG_PASSWORD);
      session.isAuthenticated = true;
      session.user = options.user;
    }
    if (!session.isAuthenticated) throw new CommandError(NOT_AUTHENTICATED);
    if (options.name !== null) {
      assertClientName(options.name);
      session.name = options.name;
    }
    if (options.protocol !== null) session.resp = options.protocol;
    reply.map(7);
    reply.bulk('server');
    reply.bulk('redis');
    reply.bulk('version');
    reply.bulk(COMPATIBLE_VERSION);
    reply.bulk('proto');
    reply.integer(session.resp);
    reply.bulk('id');
    reply.integer(session.id);
    reply.bulk('mode');
    reply.bulk('standalone');
    reply.bulk('role');
    reply.bulk('master');
    reply.bulk('modules');
    reply.array(0);
  },
};

interface HelloOptions {
  protocol: 2 | 3 | null;
  user: string | null;
  password: Buffer | null;
  name: string | null;
}

function readOptions({ argv }: CommandContext): HelloOptions {
  const options: HelloOptions = { protocol: null, user: null, password: null, name: null };
  if (argv.argc === 1) return options;
  const version = int64Argument(argv, 1, 'ERR Protocol version is not an integer or out of range');
  if (version !== 2 && version !== 3) throw new CommandError('NOPROTO unsupported protocol version');
  options.protocol = version;
  for (let i = 2; i < argv.argc; ) {
    const rest = argv.argc - 1 - i;
    if (argv.is(i, 'AUTH') && rest >= 2) {
      options.user = argv.text(i + 1);
      options.password = argv.view(i + 2);
      i += 3;
    } else if (argv.is(i, 'SETNAME') && rest >= 1) {
      options.name = argv.latin1(i + 1);
      i += 2;
    } else {
      throw new CommandError(`ERR Syntax error in HELLO option '${argv.text(i)}'`);
    }
  }
  return options;
}
