import type { CommandContext } from '../spec.js';

/** What DEL and UNLINK share: memory is given back at once either way. */
export function deleteKeys(ctx: CommandContext): void {
  const { argv, db } = ctx;
  let count = 0;
  for (let i = 1; i < argv.argc; i++) {
    const entry = db.find(argv, i);
    if (entry === null) continue;
    db.remove(entry);
    ctx.touch(i);
    count++;
  }
  ctx.dirty += count;
  ctx.reply.integer(count);
}
