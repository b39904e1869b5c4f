import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { replyString } from './reply-string.js';

export const getdel: CommandSpec = {
  name: 'getdel',
  arity: 2,
  flags: ['write', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@string', '@fast'],
  summary: 'Returns the string value of a key and deletes the key.',
  since: '6.2.0',
  group: 'string',
  execute(ctx) {
    const { argv, db } = ctx;
    const entry = db.read(argv, 1);
    if (!replyString(ctx, entry) || entry === null) return;
    db.remove(entry);
    ctx.touch(1);
    ctx.dirty++;
    ctx.propagateAs(ctx.server.config.value('lazyfree-lazy-user-del') === 'yes' ? 'UNLINK' : 'DEL', argv.view(1));
  },
};
