/** What RENAME and RENAMENX share. */
import type { Argv } from '../../resp/argv.js';
import type { CommandContext } from '../spec.js';

/** Renames key argument 1, which is there, to key argument 2. */
export function renameKey(ctx: CommandContext): void {
  const { argv, db } = ctx;
  // The new name may hold an expired key: it goes first, and the log says so.
  db.find(argv, 2);
  const entry = db.find(argv, 1);
  if (entry === null) return;
  db.rename(entry, argv, 2);
  ctx.touch(1);
  ctx.touch(2);
  ctx.dirty++;
}

export function isSameArgument(argv: Argv, a: number, b: number): boolean {
  return argv.bytes.compare(argv.bytes, argv.start(a), argv.end(a), argv.start(b), argv.end(b)) === 0;
}
