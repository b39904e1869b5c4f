import { type Entry, StringEncoding, ValueType } from '../../keyspace/keyspace.js';
import { hashOf } from '../../keyspace/types/collection-of.js';
import { parseInt64 } from '../arguments.js';
import type { CommandContext, CommandSpec, KeyPositions } from '../spec.js';

const SECOND_KEY: KeyPositions = { first: 2, last: 2, step: 1 };
/** Redis shares one object for each small integer and never counts its references. */
const SHARED_INTEGERS = 10_000;
const SHARED_REFERENCES = 2147483647;
const NO_LFU =
  'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.';

const encodingNames: Readonly<Record<StringEncoding, string>> = { 0: 'int', 1: 'embstr', 2: 'raw' };

const encoding: CommandSpec = {
  name: 'object|encoding',
  arity: 3,
  flags: ['readonly'],
  keys: SECOND_KEY,
  categories: ['@keyspace', '@read', '@slow'],
  summary: 'Tells how Redis would hold the value of a key.',
  since: '2.2.3',
  group: 'generic',
  execute(ctx) {
    const entry = look(ctx);
    if (entry !== null) ctx.reply.bulk(encodingOf(entry));
  },
};

const refcount: CommandSpec = {
  name: 'object|refcount',
  arity: 3,
  flags: ['readonly'],
  keys: SECOND_KEY,
  categories: ['@keyspace', '@read', '@slow'],
  summary: 'Tells the number of references to the value of a key.',
  since: '2.2.3',
  group: 'generic',
  execute(ctx) {
    const entry = look(ctx);
    if (entry !== null) ctx.reply.integer(isShared(entry) ? SHARED_REFERENCES : 1);
  },
};

const idletime: CommandSpec = {
  name: 'object|idletime',
  arity: 3,
  flags: ['readonly'],
  keys: SECOND_KEY,
  categories: ['@keyspace', '@read', '@slow'],
  summary: 'Tells for how many seconds a key was not used.',
  since: '2.2.3',
  group: 'generic',
  execute(ctx) {
    const entry = look(ctx);
    if (entry !== null) ctx.reply.integer(Math.max(0, ctx.keyspace.accessClock - entry.accessSeconds));
  },
};

const freq: CommandSpec = {
  name: 'object|freq',
  arity: 3,
  flags: ['readonly'],
  keys: SECOND_KEY,
  categories: ['@keyspace', '@read', '@slow'],
  summary: 'Tells the access frequency of a key; needs an LFU policy.',
  since: '4.0.0',
  group: 'generic',
  execute(ctx) {
    if (look(ctx) !== null) ctx.reply.error(NO_LFU);
  },
};

const help: CommandSpec = {
  name: 'object|help',
  arity: 2,
  flags: ['loading', 'stale'],
  keys: null,
  categories: ['@keyspace', '@slow'],
  summary: 'Lists the sub-commands.',
  since: '6.2.0',
  group: 'generic',
  showsNoData: true,
  execute(ctx) {
    ctx.reply.array(HELP.length);
    for (const line of HELP) ctx.reply.simple(line);
  },
};

export const object: CommandSpec = {
  name: 'object',
  arity: -2,
  flags: [],
  keys: null,
  categories: ['@slow'],
  summary: 'Looks at how keys are held.',
  since: '2.2.3',
  group: 'generic',
  subcommands: [encoding, refcount, idletime, freq, help],
  execute() {
    throw new Error('a container is never executed');
  },
};

const HELP = [
  'OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:',
  'ENCODING <key>',
  '    Return the kind of internal representation used in order to store the value',
  '    associated with a <key>.',
  'FREQ <key>',
  '    Return the access frequency index of the <key>. The returned integer is',
  '    proportional to the logarithm of the recent access frequency of the key.',
  'IDLETIME <key>',
  '    Return the idle time of the <key>, that is the approximated number of',
  '    seconds elapsed since the last access to the key.',
  'REFCOUNT <key>',
  '    Return the number of references of the value associated with the specified',
  '    <key>.',
  'HELP',
  '    Prints this help.',
];

/** Looking at a key is no use of it. Answers null where there is no key. */
function look(ctx: CommandContext): Entry | null {
  const entry = ctx.db.readQuietly(ctx.argv, 2);
  if (entry === null) ctx.reply.nullBulk();
  return entry;
}

/** Redis 7.0's names: a list is always a quicklist there. */
function encodingOf(entry: Entry): string {
  switch (entry.type) {
    case ValueType.string:
      return encodingNames[entry.encoding];
    case ValueType.list:
      return 'quicklist';
    case ValueType.hash:
      return hashOf(entry).isLarge ? 'hashtable' : 'listpack';
    default:
      throw new TypeError(`no encoding of type ${entry.type}`);
  }
}

function isShared(entry: Entry): boolean {
  if (entry.encoding !== StringEncoding.int || entry.type !== ValueType.string) return false;
  const value = parseInt64(entry.bytes, entry.start, entry.end);
  return value !== null && value >= 0 && value < SHARED_INTEGERS;
}
