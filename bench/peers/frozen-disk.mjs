/**
 * A disk that stops: an ext4 on a loop device made in the trial's directory, frozen under load for some seconds. Embedded: the
 * delay of this process's own event loop. Servers: the longest PING of a client that shares nothing with the writers. Needs
 * root and the right to mount; the row goes on without it.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { watchLoop } from '../lib/clients.mjs';
import { packageRoot } from '../lib/paths.mjs';
import { makePool } from '../lib/pool.mjs';
import { Unavailable } from '../lib/unavailable.mjs';
import { openLog } from './everysec.mjs';

const run = promisify(execFile);
const LOAD_SECONDS = 0.7;
/** Records in one turn of the appender: about 20 MB/s offered, for as long as the log says that it takes them. */
const BURST = 512;
const TURN_MS = 2;
const BUFFER_LIMIT_BYTES = 8 * 2 ** 20;

/** `onTmpfs`: the same load where nothing can stall, and nothing freezes. */
async function makeDisk(dir, onTmpfs) {
  const at = join(dir, 'disk');
  mkdirSync(at);
  try {
    if (onTmpfs) await run('mount', ['-t', 'tmpfs', '-o', 'size=1g', 'tmpfs', at]);
    else {
      const image = join(dir, 'image');
      await run('truncate', ['-s', '1G', image]);
      await run('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
      await run('mount', ['-o', 'loop', image, at]);
    }
  } catch (error) {
    throw new Unavailable(`a disk of its own cannot be mounted here: ${String(error.stderr ?? error.message).trim()}`);
  }
  let isFrozen = false;
  const thaw = async () => {
    if (isFrozen) await run('fsfreeze', ['-u', at]);
    isFrozen = false;
  };
  return {
    path: at,
    freeze: async () => {
      if (onTmpfs) return;
      await run('fsfreeze', ['-f', at]);
      isFrozen = true;
    },
    thaw,
    remove: async () => {
      await thaw();
      // Lazily: a server that was killed may take a moment to let go.
      await run('umount', ['-l', at]);
    },
  };
}

/** The embedded log: appends in bursts while `writable`, and somebody always waits for a sync. */
export async function frozenEmbedded({ dir, seconds, onTmpfs = false, pool: shape, ...options }) {
  const pool = makePool(shape);
  const disk = await makeDisk(dir, onTmpfs);
  const loop = watchLoop();
  try {
    const aof = await openLog({ dir: disk.path, aofBufferLimit: BUFFER_LIMIT_BYTES, ...options });
    let isOver = false;
    let appended = 0;
    let peakBufferedBytes = 0;
    const appender = (async () => {
      for (let i = 0; !isOver; await sleep(TURN_MS)) {
        for (let k = 0; k < BURST && aof.writable; k++, i++, appended++) {
          const at = i & pool.mask;
          aof.append(0, 'SET', pool.keys[at], pool.values[at]);
        }
        peakBufferedBytes = Math.max(peakBufferedBytes, aof.info().aof_buffered_bytes);
      }
    })();
    const waiter = (async () => {
      while (!isOver && options.appendfsync !== 'no') {
        await aof.synced();
        await sleep(TURN_MS);
      }
    })();
    await sleep(LOAD_SECONDS * 1000);
    await disk.freeze();
    loop.reset();
    const before = appended;
    await sleep(seconds * 1000);
    const delay = loop.stop();
    const appendedWhileFrozen = appended - before;
    const { aof_oldest_unsynced_ms: oldestUnsyncedMs, aof_delayed_fsync: delayed } = aof.info();
    await disk.thaw();
    const thawed = appended;
    await sleep(500);
    isOver = true;
    await Promise.all([appender, waiter]);
    if (appended <= thawed) throw new Error('appending did not go on after the disk did');
    await aof.close();
    return { seconds, ...delay, appendedWhileFrozen, peakBufferedBytes, oldestUnsyncedMs, delayed };
  } finally {
    await disk.remove();
  }
}

/** A server with writers, and one more connection that only says PING. */
export async function frozenServer({ dir, seconds, onTmpfs = false, server, appendfsync, backend = 'native' }) {
  const disk = await makeDisk(dir, onTmpfs);
  const port = await freePort();
  const common = ['--port', String(port), '--dir', disk.path, '--appendonly', 'yes', '--appendfsync', appendfsync];
  const [program, ...args] =
    server === 'redis-server'
      ? [server, ...common, '--save', '', '--logfile', '/dev/null']
      : [process.execPath, join(packageRoot, 'dist/cjs/cli/main.js'), 'serve', ...common, '--backend', backend];
  try {
    if (server === 'redis-server') execFileSync(server, ['--version']);
  } catch {
    await disk.remove();
    throw new Unavailable('redis-server is not installed');
  }
  const child = spawn(program, args, { stdio: 'ignore' });
  try {
    const clients = await Promise.all(Array.from({ length: 8 }, () => untilConnected(port)));
    const pinger = await untilConnected(port);
    let isOver = false;
    let answered = 0;
    const value = 'v'.repeat(100);
    const writers = clients.map(async (call, i) => {
      for (let n = 0; !isOver; n++, answered++) {
        await call(`SET ${i}:${n % 1000} ${value}\r\n`);
        await sleep(1);
      }
    });
    let longestPingMs = 0;
    const pings = (async () => {
      for (; !isOver; await sleep(5)) {
        const begin = performance.now();
        await pinger('PING\r\n');
        longestPingMs = Math.max(longestPingMs, performance.now() - begin);
      }
    })();
    await sleep(LOAD_SECONDS * 1000);
    await disk.freeze();
    longestPingMs = 0;
    const before = answered;
    await sleep(seconds * 1000);
    const answeredWhileFrozen = answered - before;
    await disk.thaw();
    await sleep(500);
    isOver = true;
    await Promise.all([...writers, pings]);
    return { seconds, longestPingMs, answeredWhileFrozen };
  } finally {
    child.kill('SIGKILL');
    await disk.remove();
  }
}

/** Sends one line, resolves with the first bytes of its reply. */
async function untilConnected(port) {
  for (let attempt = 0; attempt < 400; attempt++) {
    const socket = await new Promise((resolve) => {
      const trying = connect(port, '127.0.0.1', () => resolve(trying)).on('error', () => resolve(null));
    });
    if (socket === null) {
      await sleep(25);
      continue;
    }
    socket.setNoDelay(true);
    return (line) =>
      new Promise((resolve) => {
        socket.once('data', resolve);
        socket.write(line);
      });
  }
  throw new Error('the server does not listen');
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
