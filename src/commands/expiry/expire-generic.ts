/** What EXPIRE, PEXPIRE, EXPIREAT and PEXPIREAT share. */
import { NO_EXPIRY } from '../../keyspace/keyspace.js';
import { FIRST_KEY } from '../arguments.js';
import { type CommandContext, CommandError, type CommandSpec } from '../spec.js';
import { anyDeadline, type Deadline, type ExpiryUnit, isPast } from './deadline.js';
import { deletePast } from './delete-expired.js';

export function expireCommand(name: string, unit: ExpiryUnit, since: string, summary: string): CommandSpec {
  return {
    name,
    arity: -3,
    flags: ['write', 'fast'],
    keys: FIRST_KEY,
    categories: ['@keyspace', '@write', '@fast'],
    summary,
    since,
    group: 'generic',
    execute: (ctx) => expire(ctx, name, unit),
  };
}

interface ExpireCondition {
  nx: boolean;
  xx: boolean;
  gt: boolean;
  lt: boolean;
}

function expire(ctx: CommandContext, name: string, unit: ExpiryUnit) {
  const { argv, db, reply } = ctx;
  const condition = argv.argc > 3 ? parseCondition(ctx) : null;
  const deadline = anyDeadline(ctx, 2, unit, name);
  const entry = db.find(argv, 1);
  if (entry === null || (condition !== null && !holds(condition, entry.expireAtMs, deadline))) return reply.integer(0);
  if (isPast(ctx, deadline)) {
    deletePast(ctx, 1, entry);
    return reply.integer(1);
  }
  db.setExpiry(entry, Number(deadline));
  ctx.touch(1);
  ctx.dirty++;
  if (unit.isSeconds || !unit.isAbsolute) {
    const options = argv.argc > 3 ? argv.views().slice(3) : [];
    ctx.propagateAs('PEXPIREAT', argv.view(1), String(deadline), ...options);
  }
  reply.integer(1);
}

function parseCondition({ argv }: CommandContext): ExpireCondition {
  const condition = { nx: false, xx: false, gt: false, lt: false };
  for (let i = 3; i < argv.argc; i++) {
    if (argv.is(i, 'NX')) condition.nx = true;
    else if (argv.is(i, 'XX')) condition.xx = true;
    else if (argv.is(i, 'GT')) condition.gt = true;
    else if (argv.is(i, 'LT')) condition.lt = true;
    else throw new CommandError(`ERR Unsupported option ${argv.text(i)}`);
  }
  const { nx, xx, gt, lt } = condition;
  if (nx && (xx || gt || lt)) throw new CommandError('ERR NX and XX, GT or LT options at the same time are not compatible');
  if (gt && lt) throw new CommandError('ERR GT and LT options at the same time are not compatible');
  return condition;
}

/** A key without expiry counts as one that lives for ever: GT never holds, LT always does. */
function holds(condition: ExpireCondition, current: number, deadline: Deadline): boolean {
  const hasExpiry = current !== NO_EXPIRY;
  if (condition.nx && hasExpiry) return false;
  if (condition.xx && !hasExpiry) return false;
  if (condition.gt && !(hasExpiry && deadline > current)) return false;
  return !(condition.lt && hasExpiry && deadline >= current);
}
