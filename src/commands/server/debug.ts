/** DEBUG: for tests and experiments; off unless enable-debug-command says otherwise. */
import { computeDigest, computeValueDigest } from '../../keyspace/digest.js';
import type { Argv } from '../../resp/argv.js';
import { ADMIN, ADMIN_CATEGORIES, replyHelp } from '../admin-flags.js';
import { answerLater } from '../answer-later.js';
import { type CommandContext, CommandError, type CommandSpec } from '../spec.js';
import { debugObject } from './debug-object.js';

const DENIED =
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.';

export const debug: CommandSpec = {
  name: 'debug',
  arity: -2,
  flags: ADMIN,
  keys: null,
  categories: ADMIN_CATEGORIES,
  summary: 'Looks behind the scenes, for tests.',
  since: '1.0.0',
  group: 'server',
  execute(ctx) {
    if (!isAllowed(ctx)) throw new CommandError(DENIED);
    const name = ctx.argv.latin1(1).toUpperCase();
    const sub = SUBCOMMANDS[name];
    if (sub === undefined || (sub.argc > 0 ? ctx.argv.argc !== sub.argc : ctx.argv.argc < -sub.argc)) {
      const shown = ctx.argv.text(1);
      throw new CommandError(`ERR unknown subcommand or wrong number of arguments for '${shown}'. Try DEBUG HELP.`);
    }
    return sub.run(ctx);
  },
};

interface DebugSubcommand {
  /** Positive exact, negative at least. */
  readonly argc: number;
  run(ctx: CommandContext): void | Promise<void>;
}

const SUBCOMMANDS: Readonly<Record<string, DebugSubcommand | undefined>> = {
  'AOF-FLUSH-SLEEP': {
    argc: 3,
    run({ argv, server, reply }) {
      server.persistence.setFlushSleep(numberOf(argv, 2));
      reply.simple('OK');
    },
  },
  'CHANGE-REPL-ID': { argc: 2, run: ({ reply }) => reply.simple('OK') },
  DIGEST: { argc: 2, run: ({ keyspace, reply }) => reply.simple(computeDigest(keyspace)) },
  'DIGEST-VALUE': {
    argc: -2,
    run({ argv, db, reply }) {
      const digests: string[] = [];
      for (let i = 2; i < argv.argc; i++) digests.push(computeValueDigest(db, argv.bytes, argv.start(i), argv.end(i)));
      reply.array(digests.length);
      for (const digest of digests) reply.simple(digest);
    },
  },
  ERROR: { argc: 3, run: ({ argv, reply }) => reply.error(argv.text(2)) },
  HELP: { argc: 2, run: ({ reply }) => replyHelp(reply, 'debug', HELP_LINES) },
  LOADAOF: {
    argc: 2,
    run: ({ server, reply }) => answerLater(reply, server.persistence.reload(), () => reply.simple('OK')),
  },
  OBJECT: { argc: -3, run: debugObject },
  'SET-ACTIVE-EXPIRE': {
    argc: 3,
    run({ argv, server, reply }) {
      server.setActiveExpire(numberOf(argv, 2) !== 0);
      reply.simple('OK');
    },
  },
  SLEEP: {
    argc: 3,
    run({ argv, server, reply }) {
      server.blockFor(numberOf(argv, 2) * 1000);
      reply.simple('OK');
    },
  },
};

const HELP_LINES = [
  'AOF-FLUSH-SLEEP <microsec>',
  '    The writer will sleep before each write of the log, this is used for testing.',
  'DIGEST',
  '    Output a hex signature representing the current DB content.',
  'DIGEST-VALUE <key> [<key> ...]',
  '    Output a hex signature of the values of all the specified keys.',
  'ERROR <string>',
  '    Return a protocol error with <string> as message.',
  'LOADAOF',
  '    Flush the AOF buffers on disk and reload the AOF in memory.',
  'OBJECT <key>',
  '    Show low level info about `key` and associated value.',
  'SET-ACTIVE-EXPIRE <0|1>',
  '    Setting it to 0 disables expiring keys in background.',
  'SLEEP <seconds>',
  '    Stop the server for <seconds>. Decimals allowed.',
];

function isAllowed({ server, session }: CommandContext): boolean {
  const mode = server.config.value('enable-debug-command');
  return mode === 'yes' || (mode === 'local' && isLocal(session.address));
}

/** Loopback, or the unix socket, whose address is a path. */
function isLocal(address: string): boolean {
  return address === '' || address.startsWith('127.') || address.startsWith('[::1]') || /^[./].*:0$/.test(address);
}

/** As C's atof: what does not begin with a number is 0. */
function numberOf(argv: Argv, i: number): number {
  const value = Number.parseFloat(argv.latin1(i));
  return Number.isFinite(value) ? value : 0;
}
