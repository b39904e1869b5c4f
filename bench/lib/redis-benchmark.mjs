/**
 * redis-benchmark as the load of the server rows: one process, one thread, `clients` connections, each with `pipeline` commands
 * under way. `-r` makes every key of a pipeline anew: `key:` and 12 digits, 16 bytes, evenly from so many; `-d 32` makes one value,
 * 32 times x, for all. So a SET is the usual 75 bytes, and all keys come back.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { requireProgram } from './server-process.mjs';

const PROGRAM = 'redis-benchmark';
const VALUE_BYTES = 32;
/** More than any row runs for: the load is ended from outside. */
const ENDLESS = 1_000_000_000;

function argumentsOf({ port, command, requests, pipeline, clients = 50, keys }) {
  const numbers = { p: port, n: requests, P: pipeline, c: clients, r: keys, d: VALUE_BYTES };
  return ['-t', command, ...Object.entries(numbers).flatMap(([name, value]) => [`-${name}`, String(value)]), '--csv'];
}

/** One run to its end. Latencies are those that redis-benchmark tells: of a whole pipeline. */
export async function runRedisBenchmark(load) {
  requireProgram(PROGRAM);
  const { stdout } = await promisify(execFile)(PROGRAM, argumentsOf(load));
  const [head, line] = stdout
    .trim()
    .split('\n')
    .slice(-2)
    .map((row) => row.split(',').map((cell) => cell.replaceAll('"', '')));
  const field = (name) => Number(line?.[head?.indexOf(name) ?? -1]);
  const result = {
    perSecond: field('rps'),
    p50Ms: field('p50_latency_ms'),
    p99Ms: field('p99_latency_ms'),
    maxMs: field('max_latency_ms'),
  };
  if (!Number.isFinite(result.perSecond)) throw new Error(`redis-benchmark said: ${stdout}`);
  return result;
}

/** A load that lasts until it is stopped. */
export function startRedisBenchmark(load) {
  requireProgram(PROGRAM);
  const child = spawn(PROGRAM, argumentsOf({ ...load, requests: ENDLESS }), { stdio: 'ignore' });
  const ended = once(child, 'close');
  return {
    /** Throws when it has ended by itself: then nothing was measured. */
    stop: async () => {
      if (child.exitCode !== null) throw new Error(`redis-benchmark ended with ${child.exitCode}`);
      child.kill('SIGKILL');
      await ended;
    },
  };
}
