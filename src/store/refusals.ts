/** Why a command does not run at all: Redis's error texts. */
import { type Command, type CommandTable, isArityRight } from '../commands/table.js';
import type { Argv } from '../resp/argv.js';

export const NO_AUTH = 'NOAUTH Authentication required.';
export const LOADING = 'LOADING Redis is loading the dataset in memory';
export const NOT_IN_MULTI = 'ERR Command not allowed inside a transaction';
export const QUEUE_BROKEN = 'EXECABORT Transaction discarded because of previous errors.';
export const INTERNAL_ERROR = 'ERR internal error';

/** Bytes of a client's own words that an error repeats. */
const MAX_QUOTED = 128;

/** For a name that the table does not know, as a whole or as a sub-command. */
export function unknownCommand(table: CommandTable, argv: Argv): string {
  const container = table.findName(argv, 0);
  if (container !== null && argv.argc > 1) {
    return `ERR unknown subcommand '${quoted(argv, 1, MAX_QUOTED)}'. Try ${container.spec.name.toUpperCase()} HELP.`;
  }
  let args = '';
  for (let i = 1; i < argv.argc && args.length < MAX_QUOTED; i++) args += `'${quoted(argv, i, MAX_QUOTED - args.length)}' `;
  return `ERR unknown command '${quoted(argv, 0, MAX_QUOTED)}', with args beginning with: ${args}`;
}

/** null when the number of arguments is right. */
export function wrongArity(command: Command, argc: number): string | null {
  return isArityRight(command.spec, argc) ? null : `ERR wrong number of arguments for '${command.spec.name}' command`;
}

/** One line, whatever a client's own words hold. */
export function asErrorLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, ' ') : text;
}

/** As C prints a string: up to a zero byte. */
function quoted(argv: Argv, i: number, limit: number): string {
  const start = argv.start(i);
  const text = argv.bytes.utf8Slice(start, Math.min(argv.end(i), start + limit));
  const zero = text.indexOf('\0');
  return zero < 0 ? text : text.slice(0, zero);
}
