import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { pop } from './pop-generic.js';

export const lpop: CommandSpec = {
  name: 'lpop',
  arity: -2,
  flags: ['write', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@list', '@fast'],
  summary: 'Removes and returns elements from the front of a list.',
  since: '1.0.0',
  group: 'list',
  execute(ctx) {
    pop(ctx, 'head');
  },
};
