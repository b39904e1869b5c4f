import type { CommandSpec } from '../spec.js';
import { blockingPop } from './blocking-pop.js';

export const blpop: CommandSpec = {
  name: 'blpop',
  arity: -3,
  flags: ['write', 'noscript', 'blocking'],
  keys: { first: 1, last: -2, step: 1 },
  categories: ['@write', '@list', '@slow', '@blocking'],
  summary: 'Removes and returns the first element of the first of several lists that has one; waits for it.',
  since: '2.0.0',
  group: 'list',
  execute: (ctx) => blockingPop(ctx, 'head'),
};
