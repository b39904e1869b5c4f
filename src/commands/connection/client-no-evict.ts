/** CLIENT NO-EVICT and NO-TOUCH: accepted, since clients send them; nothing is evicted. */
import { ADMIN, ADMIN_CONNECTION_CATEGORIES, CONNECTION, CONNECTION_CATEGORIES } from '../admin-flags.js';
import { SYNTAX_ERROR } from '../arguments.js';
import { type CommandContext, CommandError, type CommandSpec } from '../spec.js';

export const clientNoEvict: CommandSpec = {
  name: 'client|no-evict',
  arity: 3,
  flags: ADMIN,
  keys: null,
  categories: ADMIN_CONNECTION_CATEGORIES,
  summary: 'Notes that this connection should not be evicted.',
  since: '7.0.0',
  group: 'connection',
  showsNoData: true,
  execute(ctx) {
    ctx.session.noEvict = onOrOff(ctx);
    ctx.reply.simple('OK');
  },
};

export const clientNoTouch: CommandSpec = {
  name: 'client|no-touch',
  arity: 3,
  flags: CONNECTION,
  keys: null,
  categories: CONNECTION_CATEGORIES,
  summary: 'Accepted; look-ups always count as use.',
  since: '7.2.0',
  group: 'connection',
  showsNoData: true,
  execute(ctx) {
    onOrOff(ctx);
    ctx.reply.simple('OK');
  },
};

function onOrOff({ argv }: CommandContext): boolean {
  if (argv.is(2, 'ON')) return true;
  if (argv.is(2, 'OFF')) return false;
  throw new CommandError(SYNTAX_ERROR);
}
