import type { CommandSpec } from '../spec.js';
import { bgrewriteaof } from './bgrewriteaof.js';
import { command } from './command.js';
import { config } from './config.js';
import { debug } from './debug.js';
import { info } from './info.js';
import { latency } from './latency.js';
import { memory } from './memory.js';
import { monitor, replicaof, role, slaveof, wait } from './replication.js';
import { bgsave, lastsave, save } from './save.js';
import { shutdown } from './shutdown.js';
import { slowlog } from './slowlog.js';
import { time } from './time.js';
import { waitaof } from './waitaof.js';

export const serverCommands: readonly CommandSpec[] = [
  bgrewriteaof,
  bgsave,
  command,
  config,
  debug,
  info,
  lastsave,
  latency,
  memory,
  monitor,
  replicaof,
  role,
  save,
  shutdown,
  slaveof,
  slowlog,
  time,
  wait,
  waitaof,
];
