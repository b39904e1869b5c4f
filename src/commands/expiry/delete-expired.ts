import type { Entry } from '../../keyspace/keyspace.js';
import type { CommandContext } from '../spec.js';

/** Deletes key argument i because its new deadline is past; the record is DEL, or UNLINK by lazyfree-lazy-expire. */
export function deletePast(ctx: CommandContext, i: number, entry: Entry): void {
  ctx.db.remove(entry);
  ctx.touch(i);
  ctx.dirty++;
  ctx.propagateAs(ctx.server.config.value('lazyfree-lazy-expire') === 'yes' ? 'UNLINK' : 'DEL', ctx.argv.view(i));
}
