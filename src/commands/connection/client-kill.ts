/** CLIENT KILL: the old form with an address, the new one with filters of which all must hold. */
import { ADMIN, ADMIN_CONNECTION_CATEGORIES } from '../admin-flags.js';
import { integerArgument, SYNTAX_ERROR } from '../arguments.js';
import type { Session } from '../session.js';
import { type CommandContext, CommandError, type CommandSpec } from '../spec.js';
import { isNormalType } from './client-type.js';

export const clientKill: CommandSpec = {
  name: 'client|kill',
  arity: -3,
  flags: ADMIN,
  keys: null,
  categories: ADMIN_CONNECTION_CATEGORIES,
  summary: 'Closes connections.',
  since: '2.4.0',
  group: 'connection',
  showsNoData: true,
  execute(ctx) {
    if (ctx.argv.argc === 3) killByAddress(ctx);
    else killByFilters(ctx);
  },
};

function killByAddress(ctx: CommandContext): void {
  const address = ctx.argv.text(2);
  const count = killAll(ctx, (session) => session.address === address);
  if (count === 0) throw new CommandError('ERR No such client');
  ctx.reply.simple('OK');
}

function killByFilters(ctx: CommandContext): void {
  const { argv, session: caller } = ctx;
  const filters: ((session: Session) => boolean)[] = [];
  let skipsCaller = true;
  for (let i = 2; i < argv.argc; i += 2) {
    if (i + 1 === argv.argc) throw new CommandError(SYNTAX_ERROR);
    const value = argv.text(i + 1);
    if (argv.is(i, 'ID')) {
      const id = integerArgument(argv, i + 1, 'ERR client-id should be greater than 0');
      if (id < 1) throw new CommandError('ERR client-id should be greater than 0');
      filters.push((session) => session.id === id);
    } else if (argv.is(i, 'MAXAGE')) {
      const seconds = integerArgument(argv, i + 1, 'ERR maxage is not an integer or out of range');
      if (seconds < 1) throw new CommandError('ERR maxage should be greater than 0');
      filters.push((session) => ctx.nowMs - session.createdAtMs >= seconds * 1000);
    } else if (argv.is(i, 'TYPE')) {
      const isNormal = isNormalType(argv, i + 1);
      filters.push(() => isNormal);
    } else if (argv.is(i, 'ADDR')) {
      filters.push((session) => session.address === value);
    } else if (argv.is(i, 'LADDR')) {
      filters.push((session) => session.localAddress === value);
    } else if (argv.is(i, 'USER')) {
      if (value !== 'default') throw new CommandError(`ERR No such user '${value}'`);
      filters.push((session) => session.user === value);
    } else if (argv.is(i, 'SKIPME') && (argv.is(i + 1, 'YES') || argv.is(i + 1, 'NO'))) {
      skipsCaller = argv.is(i + 1, 'YES');
    } else {
      throw new CommandError(SYNTAX_ERROR);
    }
  }
  const count = killAll(ctx, (session) => (session !== caller || !skipsCaller) && filters.every((holds) => holds(session)));
  ctx.reply.integer(count);
}

function killAll({ server }: CommandContext, isWanted: (session: Session) => boolean): number {
  const doomed = [...server.clients.list()].filter(isWanted);
  return doomed.filter((session) => server.clients.kill(session.id)).length;
}
