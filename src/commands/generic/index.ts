import type { CommandSpec } from '../spec.js';
import { copy } from './copy.js';
import { del } from './del.js';
import { exists } from './exists.js';
import { move } from './move.js';
import { object } from './object.js';
import { rename } from './rename.js';
import { renamenx } from './renamenx.js';
import { touch } from './touch.js';
import { type } from './type.js';
import { unlink } from './unlink.js';

export const genericCommands: readonly CommandSpec[] = [copy, del, exists, move, object, rename, renamenx, touch, type, unlink];
