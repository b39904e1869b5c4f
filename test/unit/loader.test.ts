// Replaying batches into a host: databases, transactions, slices of time, errors. The reader is a list of commands.
import { describe, expect, it } from 'vitest';
import { type LoaderOptions, loadFile } from '../../src/aof/load/loader.js';
import type { Backend, CommandBatch } from '../../src/backend/backend.js';
import type { Host } from '../../src/host.js';
import { ManualEnv } from '../support/manual-env.js';

function batchOf(commands: readonly string[]): CommandBatch {
  const index: number[] = [];
  let bytes = '';
  for (const command of commands) {
    const args = command.split(' ');
    const start = bytes.length;
    const places: number[] = [];
    for (const arg of args) {
      places.push(bytes.length, bytes.length + arg.length);
      bytes += arg;
    }
    index.push(start, bytes.length, bytes.length, args.length, ...places);
  }
  const numbers = Int32Array.from(index);
  const buffer = Buffer.from(bytes);
  return {
    bytes: buffer,
    index: numbers,
    count: commands.length,
    indexLength: numbers.length,
    fileOffset: 0,
    lsn: 0,
    seconds: 0,
  };
}

function rig(batches: ReadonlyArray<readonly string[]>, host: Partial<Host> = {}) {
  const env = ManualEnv.inMemory();
  const seen: string[] = [];
  const errors: string[] = [];
  const abort = new AbortController();
  let closed = 0;
  let at = 0;
  const reader = {
    next: async () => (at < batches.length ? batchOf(batches[at++] ?? []) : null),
    outcome: {} as never,
    position: 0,
    close: async () => void closed++,
  };
  const options: LoaderOptions = {
    backend: { openReader: () => reader } as unknown as Backend,
    host: {
      apply: (db, argv) => void seen.push(`${db} ${argv.join(' ')}`),
      beginUnit: () => void seen.push('begin'),
      endUnit: () => void seen.push('end'),
      ...host,
    },
    clock: env.clock,
    timers: env.timers,
    path: '/f',
    name: 'f',
    lsn: 0,
    endOffset: undefined,
    databases: 4,
    onProgress: () => {},
    onCommandError: (message, command) => errors.push(`${command}: ${message}`),
    signal: abort.signal,
  };
  return { env, seen, errors, abort, options, closedCount: () => closed };
}

describe('loading a file', () => {
  it('starts in database 0 and follows SELECT, in any case of letters', async () => {
    const { seen, options } = rig([['SET a 1', 'select 3', 'SET b 1'], ['SET c 1']]);
    await loadFile(options);
    expect(seen).toEqual(['0 SET a 1', '3 SET b 1', '3 SET c 1']);
  });

  it('reports a database that is none, and stays where it was', async () => {
    const { seen, errors, options } = rig([['SELECT 1', 'SELECT 4', 'SELECT 01', 'SELECT x', 'SET a 1']]);
    await loadFile(options);
    expect(seen).toEqual(['1 SET a 1']);
    expect(errors).toHaveLength(3);
  });

  it('applies a transaction at its EXEC, as one unit, also when it spans batches', async () => {
    const { seen, options } = rig([
      ['SET a 1', 'MULTI', 'SET b 1'],
      ['SELECT 2', 'SET c 1', 'EXEC', 'SET d 1'],
    ]);
    await loadFile(options);
    expect(seen).toEqual(['0 SET a 1', 'begin', '0 SET b 1', '2 SET c 1', 'end', '2 SET d 1']);
  });

  it('applies nothing of a transaction without EXEC, or with DISCARD', async () => {
    const { seen, options } = rig([['MULTI', 'SET a 1', 'DISCARD', 'SET b 1', 'MULTI', 'SET c 1']]);
    await loadFile(options);
    expect(seen).toEqual(['0 SET b 1']);
  });

  it('a host that throws inside a unit finds the unit ended and the reader closed', async () => {
    const ended: string[] = [];
    const { options, closedCount } = rig([['MULTI', 'SET a 1', 'EXEC']], {
      apply: () => {
        throw new Error('refused');
      },
      endUnit: () => void ended.push('end'),
    });
    await expect(loadFile(options)).rejects.toThrow('refused');
    expect([ended, closedCount()]).toEqual([['end'], 1]);
  });

  it('tells the host which commands come next: each once, before it is applied, in the database that is selected then', async () => {
    const told: string[] = [];
    const seen: string[] = [];
    const batches = [
      Array.from({ length: 70 }, (_, i) => (i === 40 ? 'SELECT 2' : `SET k${i} ${'v'.repeat(i % 5)}`)),
      ['PING', 'DEL k1 k2', 'SET last 1'],
    ];
    const { options } = rig(batches, {
      apply: (_db, argv) => void seen.push(argv.join(' ')),
      foresee: (db, bytes, index, at, count) => {
        expect(told.length, 'what was told before has been applied').toBe(seen.length + (db === 2 ? 1 : 0));
        for (let next = at, k = 0; k < count; k++) {
          const argc = index[next + 3] ?? 0;
          const parts = Array.from({ length: argc }, (_, i) =>
            bytes.latin1Slice(index[next + 4 + 2 * i] ?? 0, index[next + 5 + 2 * i] ?? 0),
          );
          told.push(parts.join(' '));
          next += 4 + 2 * argc;
        }
      },
    });
    await loadFile(options);
    expect(told).toEqual(batches.flat());
    expect(seen).toEqual(batches.flat().filter((line) => line !== 'SELECT 2'));
  });

  it('error replies are reported and loading goes on', async () => {
    const { errors, options } = rig([['A x', 'B x']], { apply: (_, argv) => `ERR ${argv[0]}` });
    await loadFile(options);
    expect(errors).toEqual(['A: ERR A', 'B: ERR B']);
  });

  it('lets the event loop turn every 20 ms of work, and ends there when aborted', async () => {
    const many = Array.from({ length: 2000 }, (_, i) => `SET k${i} v`);
    const { env, seen, options, abort, closedCount } = rig([many], {});
    const host: Host = {
      apply: () => {
        env.nowMs += 0.1;
        seen.push('');
      },
    };
    const loading = loadFile({ ...options, host });
    const fate = expect(loading).rejects.toMatchObject({ code: 'AOF_ABORTED' });
    await new Promise<void>((resolve) => void setImmediate(resolve));
    expect(seen).toHaveLength(256);
    env.turn();
    await new Promise<void>((resolve) => void setImmediate(resolve));
    expect(seen).toHaveLength(512);
    abort.abort();
    env.turn();
    await fate;
    expect([seen.length, closedCount()]).toEqual([512, 1]);
  });
});
