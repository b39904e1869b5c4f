/** What MSET and MSETNX share. */
import { encodingOf } from '../arguments.js';
import { type CommandContext, CommandError, type KeyPositions } from '../spec.js';

export const EVERY_OTHER_KEY: KeyPositions = { first: 1, last: -1, step: 2 };

export function requirePairs(ctx: CommandContext, command: string): void {
  if (ctx.argv.argc % 2 === 0) throw new CommandError(`ERR wrong number of arguments for '${command}' command`);
}

export function storePairs(ctx: CommandContext): void {
  const { argv, db } = ctx;
  for (let i = 1; i < argv.argc; i += 2) {
    const start = argv.start(i + 1);
    const end = argv.end(i + 1);
    db.setString(argv, i, argv.bytes, start, end, encodingOf(argv.bytes, start, end), false);
    ctx.touch(i);
    ctx.dirty++;
  }
}
