import { TWO_KEYS } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { moveElement } from './move-generic.js';

export const rpoplpush: CommandSpec = {
  name: 'rpoplpush',
  arity: 3,
  flags: ['write', 'denyoom'],
  keys: TWO_KEYS,
  categories: ['@write', '@list', '@slow'],
  summary: 'Moves the last element of a list to the front of another and returns it.',
  since: '1.2.0',
  group: 'list',
  execute(ctx) {
    moveElement(ctx, 'tail', 'head');
  },
};
