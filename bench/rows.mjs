/** All rows, in the order in which they run. A new row is a file that exports `row` and a line here. */
import { row as calls } from './micro/call-cost.mjs';
import { row as appendRaw } from './throughput/append-raw.mjs';
import { row as appendStrings } from './throughput/append-strings.mjs';
import { row as checksums } from './throughput/checksums.mjs';
import { row as durable } from './throughput/durable.mjs';
import { row as frozenDisk } from './throughput/frozen-disk.mjs';
import { row as logGrowth } from './throughput/log-growth.mjs';
import { row as read } from './throughput/read.mjs';
import { row as rewrite } from './throughput/rewrite.mjs';
import { row as serverCpu } from './throughput/server-cpu.mjs';
import { row as serverPipelined } from './throughput/server-pipelined.mjs';
import { row as serverSingle } from './throughput/server-single.mjs';
import { row as start } from './throughput/start.mjs';

/**
 * A row: `id` (and `also`, what else it measures in the same trials), `title`, `method` (prose for docs/performance.md), `run(context)`
 * (lib/compare.mjs makes the context), `evaluate(measurements)`, a pure function from raw trials to table lines (lib/verdict.mjs), and
 * `secondsPerRound`, about, for --list.
 */
export const rows = [
  appendStrings,
  appendRaw,
  durable,
  frozenDisk,
  serverPipelined,
  serverSingle,
  serverCpu,
  start,
  rewrite,
  read,
  checksums,
  logGrowth,
  calls,
];
