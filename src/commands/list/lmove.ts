import { TWO_KEYS } from '../arguments.js';
import type { CommandSpec } from '../spec.js';
import { endArgument } from './list-at.js';
import { moveElement } from './move-generic.js';

export const lmove: CommandSpec = {
  name: 'lmove',
  arity: 5,
  flags: ['write', 'denyoom'],
  keys: TWO_KEYS,
  categories: ['@write', '@list', '@slow'],
  summary: 'Moves an element from one list to another and returns it.',
  since: '6.2.0',
  group: 'list',
  execute(ctx) {
    moveElement(ctx, endArgument(ctx.argv, 3), endArgument(ctx.argv, 4));
  },
};
