import { type Entry, isExpired, typeNames } from '../../keyspace/keyspace.js';
import type { Argv } from '../../resp/argv.js';
import { matchGlob } from '../../resp/glob.js';
import { integerArgument, SYNTAX_ERROR } from '../arguments.js';
import { type CommandContext, CommandError, type CommandSpec } from '../spec.js';

const DEFAULT_COUNT = 10;
/** Buckets visited per element asked for, where most are empty. */
const BUCKETS_PER_ELEMENT = 10;

export const scan: CommandSpec = {
  name: 'scan',
  arity: -2,
  flags: ['readonly', 'touches_arbitrary_keys'],
  keys: null,
  categories: ['@keyspace', '@read', '@slow'],
  summary: 'Goes on walking over the keys of the database.',
  since: '2.8.0',
  group: 'generic',
  execute(ctx) {
    const { argv, db, reply } = ctx;
    let cursor = parseCursor(argv);
    const options = parseOptions(argv);
    const found: Buffer[] = [];
    const expired: Buffer[] = [];
    const visit = (entry: Entry) => collect(ctx, options, entry, found, expired);
    let budget = options.count * BUCKETS_PER_ELEMENT;
    do cursor = db.scan(cursor, visit);
    while (cursor !== 0 && --budget > 0 && found.length < options.count);
    for (const key of expired) {
      const entry = db.peek(key, 0, key.length);
      if (entry !== null) ctx.keyspace.expire(db, entry);
    }
    reply.array(2);
    reply.bulk(String(cursor));
    reply.array(found.length);
    for (const key of found) reply.bulk(key);
  },
};

interface ScanOptions {
  readonly pattern: Buffer | null;
  readonly count: number;
  readonly type: string | null;
}

/** Copies the key when it is to be shown; notes it when it has expired. */
function collect(ctx: CommandContext, options: ScanOptions, entry: Entry, found: Buffer[], expired: Buffer[]): void {
  const { keyBytes, keyStart, keyEnd } = entry;
  if (options.pattern !== null && !matchGlob(options.pattern, keyBytes, keyStart, keyEnd)) return;
  const { expiryMode, nowMs } = ctx.keyspace;
  const isGone = expiryMode !== 'ignore' && isExpired(entry, nowMs);
  if (isGone && expiryMode !== 'remove') return;
  if (!isGone && options.type !== null && typeNames[entry.type] !== options.type) return;
  (isGone ? expired : found).push(Buffer.from(keyBytes.subarray(keyStart, keyEnd)));
}

/** Any unsigned 64-bit number is a cursor; what is above the largest table's makes no difference. */
function parseCursor(argv: Argv): number {
  const text = argv.latin1(1);
  if (!/^[0-9]{1,20}$/.test(text)) throw new CommandError('ERR invalid cursor');
  const value = BigInt(text);
  if (value > 0xffffffffffffffffn) throw new CommandError('ERR invalid cursor');
  return Number(value & 0xffffffffn);
}

function parseOptions(argv: Argv): ScanOptions {
  let pattern: Buffer | null = null;
  let type: string | null = null;
  let count = DEFAULT_COUNT;
  for (let i = 2; i < argv.argc; i += 2) {
    if (i + 1 >= argv.argc) throw new CommandError(SYNTAX_ERROR);
    if (argv.is(i, 'COUNT')) {
      count = integerArgument(argv, i + 1);
      if (count < 1) throw new CommandError(SYNTAX_ERROR);
    } else if (argv.is(i, 'MATCH')) {
      const view = argv.view(i + 1);
      pattern = view.length === 1 && view[0] === 0x2a ? null : view;
    } else if (argv.is(i, 'TYPE')) type = argv.latin1(i + 1).toLowerCase();
    else throw new CommandError(SYNTAX_ERROR);
  }
  return { pattern, count, type };
}
