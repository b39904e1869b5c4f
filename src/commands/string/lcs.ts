import { type Database, ValueType } from '../../keyspace/keyspace.js';
import type { Argv } from '../../resp/argv.js';
import { integerArgument, SYNTAX_ERROR, TWO_KEYS } from '../arguments.js';
import type { Reply } from '../reply.js';
import { CommandError, type CommandSpec } from '../spec.js';
import { type LcsMatch, longestCommonSubsequence } from './longest-common-subsequence.js';

interface LcsOptions {
  length: boolean;
  index: boolean;
  minMatchLength: number;
  withMatchLength: boolean;
}

export const lcs: CommandSpec = {
  name: 'lcs',
  arity: -3,
  flags: ['readonly'],
  keys: TWO_KEYS,
  categories: ['@read', '@string', '@slow'],
  summary: 'Finds the longest common subsequence of two strings.',
  since: '7.0.0',
  group: 'string',
  execute(ctx) {
    const { argv, db, reply } = ctx;
    const a = copyOfString(db, argv, 1);
    const b = copyOfString(db, argv, 2);
    const options = parseOptions(argv);
    if (options.length && options.index) {
      throw new CommandError('ERR If you want both the length and indexes, please just use IDX.');
    }
    const found = longestCommonSubsequence(a, b);
    if (found === null) {
      throw new CommandError('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len');
    }
    if (options.index) replyMatches(reply, found.matches, found.bytes.length, options);
    else if (options.length) reply.integer(found.bytes.length);
    else reply.bulk(found.bytes);
  },
};

/** A copy, because the second look-up ends the first one's validity. */
function copyOfString(db: Database, argv: Argv, i: number): Buffer {
  const entry = db.read(argv, i);
  if (entry === null) return Buffer.alloc(0);
  if (entry.type !== ValueType.string) throw new CommandError('ERR The specified keys must contain string values');
  return Buffer.from(entry.bytes.subarray(entry.start, entry.end));
}

function parseOptions(argv: Argv): LcsOptions {
  const options = { length: false, index: false, minMatchLength: 0, withMatchLength: false };
  for (let i = 3; i < argv.argc; i++) {
    if (argv.is(i, 'IDX')) options.index = true;
    else if (argv.is(i, 'LEN')) options.length = true;
    else if (argv.is(i, 'WITHMATCHLEN')) options.withMatchLength = true;
    else if (argv.is(i, 'MINMATCHLEN') && i + 1 < argv.argc) options.minMatchLength = Math.max(0, integerArgument(argv, ++i));
    else throw new CommandError(SYNTAX_ERROR);
  }
  return options;
}

function replyMatches(reply: Reply, matches: readonly LcsMatch[], length: number, options: LcsOptions): void {
  const shown = matches.filter((match) => match.length >= options.minMatchLength);
  reply.map(2);
  reply.bulk('matches');
  reply.array(shown.length);
  for (const match of shown) {
    reply.array(options.withMatchLength ? 3 : 2);
    for (const start of [match.aStart, match.bStart]) {
      reply.array(2);
      reply.integer(start);
      reply.integer(start + match.length - 1);
    }
    if (options.withMatchLength) reply.integer(match.length);
  }
  reply.bulk('len');
  reply.integer(length);
}
