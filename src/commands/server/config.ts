/** CONFIG GET, SET, RESETSTAT and REWRITE: the configuration itself is behind ServerPort. */
import { ADMIN, ADMIN_CATEGORIES, helpCommand, neverExecuted } from '../admin-flags.js';
import { answerLater } from '../answer-later.js';
import { SYNTAX_ERROR } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';

const common = { flags: ADMIN, keys: null, categories: ADMIN_CATEGORIES, group: 'server', showsNoData: true };

const get: CommandSpec = {
  ...common,
  name: 'config|get',
  arity: -3,
  summary: 'Tells the values of the directives that match.',
  since: '2.0.0',
  execute({ argv, server, reply }) {
    const patterns: string[] = [];
    for (let i = 2; i < argv.argc; i++) patterns.push(argv.text(i));
    const found = server.config.get(patterns);
    reply.map(found.length);
    for (const [name, value] of found) {
      reply.bulk(name);
      reply.bulk(value);
    }
  },
};

const set: CommandSpec = {
  ...common,
  name: 'config|set',
  arity: -4,
  summary: 'Changes directives, all or none.',
  since: '2.0.0',
  execute({ argv, server, reply }) {
    if (argv.argc % 2 !== 0) throw new CommandError(SYNTAX_ERROR);
    const pairs: [string, string][] = [];
    for (let i = 2; i < argv.argc; i += 2) pairs.push([argv.text(i), argv.text(i + 1)]);
    const waiting = server.config.set(pairs);
    if (waiting === undefined) return reply.simple('OK');
    return answerLater(reply, waiting, () => reply.simple('OK'));
  },
};

const resetstat: CommandSpec = {
  ...common,
  name: 'config|resetstat',
  arity: 2,
  summary: 'Sets the statistics of INFO back to zero.',
  since: '2.0.0',
  execute({ server, reply }) {
    server.resetStatistics();
    reply.simple('OK');
  },
};

const rewrite: CommandSpec = {
  ...common,
  name: 'config|rewrite',
  arity: 2,
  summary: 'Writes the configuration into its file.',
  since: '2.8.0',
  execute({ server, reply }) {
    server.config.rewrite();
    reply.simple('OK');
  },
};

const HELP = [
  'GET <pattern>',
  '    Return parameters matching the glob-like <pattern> and their values.',
  'SET <directive> <value>',
  '    Set the configuration <directive> to <value>.',
  'RESETSTAT',
  '    Reset statistics reported by the INFO command.',
  'REWRITE',
  '    Rewrite the configuration file.',
];

export const config: CommandSpec = {
  name: 'config',
  arity: -2,
  flags: [],
  keys: null,
  categories: ['@slow'],
  summary: 'Looks at the configuration and changes it.',
  since: '2.0.0',
  group: 'server',
  showsNoData: true,
  subcommands: [get, helpCommand('config', 'server', '5.0.0', HELP), resetstat, rewrite, set],
  execute: neverExecuted,
};
