import { type CommandContext, CommandError } from '../spec.js';
import { closeHash, openHash, setField } from './hash-at.js';

/** HSET and HMSET. Returns the number of fields that are new. */
export function setFields(ctx: CommandContext): number {
  const { argv } = ctx;
  if (argv.argc % 2 !== 0) throw new CommandError(`ERR wrong number of arguments for '${argv.latin1(0).toLowerCase()}' command`);
  const open = openHash(ctx, 2, argv.argc - 1);
  let added = 0;
  for (let i = 2; i < argv.argc; i += 2) if (setField(ctx, open, i)) added++;
  closeHash(ctx, open);
  ctx.touch(1);
  ctx.dirty += (argv.argc - 2) / 2;
  return added;
}
