/** SLOWLOG: accepted, always empty; commands are not timed one by one. */
import { ANY_TIME, helpCommand, neverExecuted } from '../admin-flags.js';
import { integerArgument } from '../arguments.js';
import { CommandError, type CommandFlag, type CommandSpec } from '../spec.js';

const flags: readonly CommandFlag[] = ['admin', ...ANY_TIME];
const common = { flags, keys: null, categories: ['@admin', '@slow', '@dangerous'], group: 'server', showsNoData: true };
const BAD_COUNT = 'ERR count should be greater than or equal to -1';

const get: CommandSpec = {
  ...common,
  name: 'slowlog|get',
  arity: -2,
  summary: 'Answers no entries.',
  since: '2.2.12',
  execute({ argv, reply }) {
    if (argv.argc > 3) throw new CommandError("ERR wrong number of arguments for 'slowlog|get' command");
    if (argv.argc === 3 && integerArgument(argv, 2, BAD_COUNT) < -1) throw new CommandError(BAD_COUNT);
    reply.array(0);
  },
};

const len: CommandSpec = {
  ...common,
  name: 'slowlog|len',
  arity: 2,
  summary: 'Answers 0.',
  since: '2.2.12',
  execute: ({ reply }) => reply.integer(0),
};

const reset: CommandSpec = {
  ...common,
  name: 'slowlog|reset',
  arity: 2,
  summary: 'Accepted.',
  since: '2.2.12',
  execute: ({ reply }) => reply.simple('OK'),
};

const HELP = ['GET [<count>]', '    Return no entries.', 'LEN', '    Return 0.', 'RESET', '    Accepted; does nothing.'];

export const slowlog: CommandSpec = {
  name: 'slowlog',
  arity: -2,
  flags: [],
  keys: null,
  categories: ['@slow'],
  summary: 'The log of slow commands, which is not kept.',
  since: '2.2.12',
  group: 'server',
  showsNoData: true,
  subcommands: [get, helpCommand('slowlog', 'server', '6.2.0', HELP), len, reset],
  execute: neverExecuted,
};
