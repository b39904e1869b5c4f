import { ALWAYS } from '../admin-flags.js';
import { SYNTAX_ERROR } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';

export const WRONG_PASSWORD = 'WRONGPASS invalid username-password pair or user is disabled.';
const NO_PASSWORD_NEEDED =
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?';

export const auth: CommandSpec = {
  name: 'auth',
  arity: -2,
  flags: ALWAYS,
  keys: null,
  categories: ['@fast', '@connection'],
  summary: 'Authenticates the connection.',
  since: '1.0.0',
  group: 'connection',
  showsNoData: true,
  execute({ argv, reply, server, session }) {
    if (argv.argc > 3) throw new CommandError(SYNTAX_ERROR);
    if (argv.argc === 2 && !server.isPasswordRequired) throw new CommandError(NO_PASSWORD_NEEDED);
    const user = argv.argc === 3 ? argv.text(1) : 'default';
    if (!server.authenticate(user, argv.view(argv.argc - 1))) throw new CommandError(WRONG_PASSWORD);
    session.isAuthenticated = true;
    session.user = user;
    reply.simple('OK');
  },
};
