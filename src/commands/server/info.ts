import { ANY_TIME } from '../admin-flags.js';
import type { CommandSpec } from '../spec.js';

export const info: CommandSpec = {
  name: 'info',
  arity: -1,
  flags: ANY_TIME,
  keys: null,
  categories: ['@slow', '@dangerous'],
  summary: 'Describes the server and its statistics.',
  since: '1.0.0',
  group: 'server',
  showsNoData: true,
  execute({ argv, server, reply }) {
    const sections: string[] = [];
    for (let i = 1; i < argv.argc; i++) sections.push(argv.text(i).toLowerCase());
    reply.verbatim('txt', server.info(sections));
  },
};
