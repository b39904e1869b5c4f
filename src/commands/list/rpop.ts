import { FIRST_KEY } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { pop } from './pop-generic.js';

export const rpop: CommandSpec = {
  name: 'rpop',
  arity: -2,
  flags: ['write', 'fast'],
  keys: FIRST_KEY,
  categories: ['@write', '@list', '@fast'],
  summary: 'Removes and returns elements from the end of a list.',
  since: '1.0.0',
  group: 'list',
  execute(ctx) {
    pop(ctx, 'tail');
  },
};
