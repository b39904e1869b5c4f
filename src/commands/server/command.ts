/** COMMAND and its sub-commands: the command table as clients see it. */
import { ANY_TIME, CONNECTION_CATEGORIES, helpCommand } from '../admin-flags.js';
import type { CommandSpec } from '../spec.js';
import { replyCommandDocs } from './command-docs.js';
import { commandGetkeys } from './command-getkeys.js';
import { replyCommandInfo } from './command-info.js';
import { commandList } from './command-list.js';

const common = { flags: ANY_TIME, keys: null, categories: CONNECTION_CATEGORIES, group: 'server', showsNoData: true };

const count: CommandSpec = {
  ...common,
  name: 'command|count',
  arity: 2,
  summary: 'Counts the commands.',
  since: '2.8.13',
  execute: ({ server, reply }) => reply.integer(server.commands.list().length),
};

const info: CommandSpec = {
  ...common,
  name: 'command|info',
  arity: -2,
  summary: 'Describes the named commands, or all.',
  since: '2.8.13',
  execute({ argv, server, reply }) {
    if (argv.argc === 2) {
      const all = server.commands.list();
      reply.array(all.length);
      for (const spec of all) replyCommandInfo(reply, spec);
      return;
    }
    reply.array(argv.argc - 2);
    for (let i = 2; i < argv.argc; i++) {
      const spec = server.commands.find(argv.latin1(i).toLowerCase());
      if (spec === null) reply.nullBulk();
      else replyCommandInfo(reply, spec);
    }
  },
};

const docs: CommandSpec = {
  ...common,
  name: 'command|docs',
  arity: -2,
  summary: 'Documents the named commands, or all.',
  since: '7.0.0',
  execute({ argv, server, reply }) {
    const wanted = argv.argc === 2 ? [...server.commands.list()] : [];
    for (let i = 2; i < argv.argc; i++) {
      const spec = server.commands.find(argv.latin1(i).toLowerCase());
      if (spec !== null) wanted.push(spec);
    }
    reply.map(wanted.length);
    for (const spec of wanted) {
      reply.bulk(spec.name);
      replyCommandDocs(reply, spec);
    }
  },
};

const HELP = [
  '(no subcommand)',
  '    Return details about all commands.',
  'COUNT',
  '    Return the total number of commands in this server.',
  'LIST [FILTERBY (MODULE <name>|ACLCAT <category>|PATTERN <pattern>)]',
  '    Return a list of all commands in this server.',
  'INFO [<command-name> ...]',
  '    Return details about the named commands, or all.',
  'DOCS [<command-name> ...]',
  '    Return documentation details about the named commands, or all.',
  'GETKEYS <full-command>',
  '    Return the keys from a full command.',
];

export const command: CommandSpec = {
  ...common,
  name: 'command',
  arity: -1,
  summary: 'Describes all commands.',
  since: '2.8.13',
  subcommands: [count, docs, commandGetkeys, info, commandList, helpCommand('command', 'server', '5.0.0', HELP)],
  execute({ server, reply }) {
    const all = server.commands.list();
    reply.array(all.length);
    for (const spec of all) replyCommandInfo(reply, spec);
  },
};
