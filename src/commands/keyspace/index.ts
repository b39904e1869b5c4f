import type { CommandSpec } from '../spec.js';
import { dbsize } from './dbsize.js';
import { flushall } from './flushall.js';
import { flushdb } from './flushdb.js';
import { keys } from './keys.js';
import { randomkey } from './randomkey.js';
import { scan } from './scan.js';
import { select } from './select.js';
import { swapdb } from './swapdb.js';

export const keyspaceCommands: readonly CommandSpec[] = [dbsize, flushall, flushdb, keys, randomkey, scan, select, swapdb];
