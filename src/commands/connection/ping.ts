import type { CommandSpec } from '../spec.js';

export const ping: CommandSpec = {
  name: 'ping',
  arity: -1,
  flags: ['fast'],
  keys: null,
  categories: ['@fast', '@connection'],
  summary: 'Answers PONG, or the argument.',
  since: '1.0.0',
  group: 'connection',
  showsNoData: true,
  execute({ argv, reply }) {
    if (argv.argc === 1) reply.simple('PONG');
    else if (argv.argc === 2) reply.bulkRange(argv.bytes, argv.start(1), argv.end(1));
    else reply.error("ERR wrong number of arguments for 'ping' command");
  },
};
