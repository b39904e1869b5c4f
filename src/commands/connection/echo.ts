import type { CommandSpec } from '../spec.js';

export const echo: CommandSpec = {
  name: 'echo',
  arity: 2,
  flags: ['loading', 'stale', 'fast'],
  keys: null,
  categories: ['@fast', '@connection'],
  summary: 'Answers its argument.',
  since: '1.0.0',
  group: 'connection',
  showsNoData: true,
  execute: ({ argv, reply }) => reply.bulkRange(argv.bytes, argv.start(1), argv.end(1)),
};
