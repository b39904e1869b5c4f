/** MEMORY: USAGE as an estimate, the rest as far as a process with a garbage collector can tell. */
import type { StoredObject } from '../../keyspace/keyspace.js';
import { helpCommand, neverExecuted } from '../admin-flags.js';
import { integerArgument, SYNTAX_ERROR } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';

/** Record, bucket and what a slot wastes, about. */
const KEY_OVERHEAD_BYTES = 48;

const usage: CommandSpec = {
  name: 'memory|usage',
  arity: -3,
  flags: ['readonly'],
  keys: { first: 2, last: 2, step: 1 },
  categories: ['@read', '@slow'],
  summary: 'Estimates the memory of a key and its value.',
  since: '4.0.0',
  group: 'server',
  execute({ argv, db, reply }) {
    for (let i = 3; i < argv.argc; i += 2) {
      if (!argv.is(i, 'SAMPLES') || i + 1 === argv.argc) throw new CommandError(SYNTAX_ERROR);
      if (integerArgument(argv, i + 1) < 0) throw new CommandError(SYNTAX_ERROR);
    }
    const entry = db.readQuietly(argv, 2);
    if (entry === null) return reply.nullBulk();
    const valueBytes = entry.object === null ? entry.end - entry.start : (entry.object as StoredObject).heldBytes;
    reply.integer(KEY_OVERHEAD_BYTES + entry.keyEnd - entry.keyStart + valueBytes);
  },
};

const doctor: CommandSpec = {
  name: 'memory|doctor',
  arity: 2,
  flags: [],
  keys: null,
  categories: ['@slow'],
  summary: 'Has nothing to report.',
  since: '4.0.0',
  group: 'server',
  showsNoData: true,
  execute: ({ reply }) =>
    reply.verbatim('txt', 'Keys and strings lie outside the V8 heap; the memory section of INFO shows what they hold.\n'),
};

const purge: CommandSpec = {
  name: 'memory|purge',
  arity: 2,
  flags: [],
  keys: null,
  categories: ['@slow'],
  summary: 'Accepted; the garbage collector decides by itself.',
  since: '4.0.0',
  group: 'server',
  showsNoData: true,
  execute: ({ reply }) => reply.simple('OK'),
};

const HELP = [
  'DOCTOR',
  '    Return a hint where to look.',
  'PURGE',
  '    Accepted; does nothing.',
  'USAGE <key> [SAMPLES <count>]',
  '    Return an estimate of the memory in bytes used by <key> and its value.',
];

export const memory: CommandSpec = {
  name: 'memory',
  arity: -2,
  flags: [],
  keys: null,
  categories: ['@slow'],
  summary: 'Looks at memory.',
  since: '4.0.0',
  group: 'server',
  showsNoData: true,
  subcommands: [doctor, helpCommand('memory', 'server', '4.0.0', HELP), purge, usage],
  execute: neverExecuted,
};
