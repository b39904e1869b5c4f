/**
 * The servers that the rows compare, each a process of its own: `everysec serve` as users run it, redis-server, and a Node server
 * that answers +OK and does nothing.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock.mjs';
import { benchRoot, packageRoot } from './paths.mjs';
import { connectTo, freePort } from './server-connection.mjs';
import { Unavailable } from './unavailable.mjs';

const POLL_MS = 5;
const EVERYSEC = join(packageRoot, 'dist/cjs/cli/main.js');

/**
 * Starts one and does not wait. `directives` are those of redis.conf, the same for both; automatic rewrites and RDB saves are off,
 * since a row measures one thing. The data lies in `dir`.
 */
export async function startServer({ server, backend = 'native', dir, directives = {} }) {
  const port = await freePort();
  const [program, ...args] = commandLine({ server, backend, dir, port, directives });
  const started = now();
  const child = spawn(program, args, { stdio: 'ignore' });
  let isGone = false;
  child.once('close', () => {
    isGone = true;
  });
  return {
    port,
    pid: child.pid,
    /** Resolves with the seconds from the start to the first PONG. */
    untilReady: async () => {
      const connection = await connectTo(port);
      for (; !(await connection.ask('PING')).startsWith('+'); await sleep(POLL_MS)) {
        if (isGone) throw new Error(`${server} ended while it loaded`);
      }
      const seconds = now() - started;
      connection.close();
      return seconds;
    },
    /** Resolves when the process is gone. */
    stop: async (signal = 'SIGTERM') => {
      if (isGone) return;
      child.kill(signal);
      await once(child, 'close');
    },
  };
}

function commandLine({ server, backend, dir, port, directives }) {
  if (server === 'bare-server') return [process.execPath, join(benchRoot, 'peers/bare-server.mjs'), String(port)];
  const common = { port: String(port), dir, appendonly: 'yes', 'auto-aof-rewrite-percentage': '0', ...directives };
  const flags = Object.entries(common).flatMap(([name, value]) => [`--${name}`, value]);
  if (server === 'redis-server') {
    requireProgram(server);
    return [server, ...flags, '--save', '', '--logfile', '/dev/null'];
  }
  if (!existsSync(EVERYSEC)) throw new Unavailable('dist/cjs/cli/main.js is not built (node scripts/build.mjs)');
  return [process.execPath, EVERYSEC, 'serve', ...flags, '--backend', backend];
}

/** Throws Unavailable where a program of Redis is not installed. */
export function requireProgram(program) {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
  } catch {
    throw new Unavailable(`${program} is not installed`);
  }
}

/** Resident memory of a process in bytes, now and at its highest. */
export function memoryOf(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const bytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { rssBytes: bytes('VmRSS'), peakRssBytes: bytes('VmHWM') };
}
