/** CLIENT LIST and CLIENT INFO. */
import { ADMIN, ADMIN_CONNECTION_CATEGORIES, CONNECTION, CONNECTION_CATEGORIES } from '../admin-flags.js';
import { int64Argument, SYNTAX_ERROR } from '../arguments.js';
import type { Session } from '../session.js';
import { type CommandContext, CommandError, type CommandSpec } from '../spec.js';
import { isNormalType } from './client-type.js';

export const clientInfo: CommandSpec = {
  name: 'client|info',
  arity: 2,
  flags: CONNECTION,
  keys: null,
  categories: CONNECTION_CATEGORIES,
  summary: 'Describes this connection.',
  since: '6.2.0',
  group: 'connection',
  showsNoData: true,
  execute: ({ server, session, reply }) => reply.verbatim('txt', `${server.clients.describe(session)}\n`),
};

export const clientList: CommandSpec = {
  name: 'client|list',
  arity: -2,
  flags: ADMIN,
  keys: null,
  categories: ADMIN_CONNECTION_CATEGORIES,
  summary: 'Describes connections.',
  since: '2.4.0',
  group: 'connection',
  showsNoData: true,
  execute(ctx) {
    const { clients } = ctx.server;
    const isWanted = readFilter(ctx);
    let text = '';
    for (const session of clients.list()) if (isWanted(session)) text += `${clients.describe(session)}\n`;
    ctx.reply.verbatim('txt', text);
  },
};

function readFilter({ argv }: CommandContext): (session: Session) => boolean {
  if (argv.argc === 2) return () => true;
  if (argv.argc === 4 && argv.is(2, 'TYPE')) {
    const isNormal = isNormalType(argv, 3);
    return () => isNormal;
  }
  if (argv.argc > 3 && argv.is(2, 'ID')) {
    const ids = new Set<number>();
    for (let i = 3; i < argv.argc; i++) ids.add(Number(int64Argument(argv, i, 'ERR Invalid client ID')));
    return (session) => ids.has(session.id);
  }
  throw new CommandError(SYNTAX_ERROR);
}
