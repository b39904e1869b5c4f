import type { Argv } from '../../resp/argv.js';
import { SYNTAX_ERROR } from '../arguments.js';
import { CommandError } from '../spec.js';

/** FLUSHDB and FLUSHALL take SYNC or ASYNC; both are done at once here, for a database is dropped as a whole. */
export function checkFlushMode(argv: Argv): void {
  if (argv.argc > 2 || (argv.argc === 2 && !argv.is(1, 'SYNC') && !argv.is(1, 'ASYNC'))) throw new CommandError(SYNTAX_ERROR);
}
