import { ADMIN_CATEGORIES } from '../admin-flags.js';
import { answerLater } from '../answer-later.js';
import { SYNTAX_ERROR } from '../arguments.js';
import { type CommandContext, CommandError, type CommandSpec } from '../spec.js';

export const shutdown: CommandSpec = {
  name: 'shutdown',
  arity: -1,
  flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi', 'allow_busy'],
  keys: null,
  categories: ADMIN_CATEGORIES,
  summary: 'Flushes and syncs the log, closes everything and ends the server.',
  since: '1.0.0',
  group: 'server',
  showsNoData: true,
  execute(ctx) {
    const { reply } = ctx;
    // The connection is gone before a good-bye could be read; Redis says nothing either.
    return answerLater(reply, ctx.server.shutdown(readMode(ctx)), () => reply.simple('OK'));
  },
};

function readMode({ argv }: CommandContext): { save: boolean | null; now: boolean; force: boolean; abort: boolean } {
  const mode = { save: null as boolean | null, now: false, force: false, abort: false };
  for (let i = 1; i < argv.argc; i++) {
    if (argv.is(i, 'NOSAVE') && mode.save !== true) mode.save = false;
    else if (argv.is(i, 'SAVE') && mode.save !== false) mode.save = true;
    else if (argv.is(i, 'NOW')) mode.now = true;
    else if (argv.is(i, 'FORCE')) mode.force = true;
    else if (argv.is(i, 'ABORT')) mode.abort = true;
    else throw new CommandError(SYNTAX_ERROR);
  }
  if (mode.abort && argv.argc > 2) throw new CommandError(SYNTAX_ERROR);
  return mode;
}
