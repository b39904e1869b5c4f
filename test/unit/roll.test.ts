// The process is killed before each single file operation of a roll (the page cache survives): a start afterwards finds everything that was
// awaited, a prefix of what was appended, nothing twice; and what it appends itself survives the next start.
import { describe, expect, it } from 'vitest';
import { settingsFromConfig } from '../../src/aof/settings-from-config.js';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { Config } from '../../src/config/config.js';
import { Engine } from '../../src/engine.js';
import { ManualEnv } from '../support/manual-env.js';
import { MemoryFiles } from '../support/memory-files.js';

function engineOn(files: MemoryFiles) {
  const env = new ManualEnv(files);
  const commands: string[] = [];
  const engine = new Engine({
    env,
    backend: guardBackend(createFallbackBackend(env)),
    settings: settingsFromConfig(Config.fromOptions({ appendonly: true, appendfsync: 'always', dir: '/data' })),
    host: { apply: (db, argv) => void commands.push(`${db} ${argv.join(' ')}`) },
    databases: 16,
  });
  const append = (key: number): { command: string; lsn: number } => {
    const lsn = engine.propagator?.append(key % 2, ['SET', `k${key}`, 'v']) ?? -1;
    engine.noteAppended(lsn);
    return { command: `${key % 2} SET k${key} v`, lsn };
  };
  return { env, engine, commands, append };
}

/** What a killed process leaves: everything written, and no lock. */
function leftBy(files: MemoryFiles): MemoryFiles {
  const left = new MemoryFiles('/data', '/data/appendonlydir');
  for (const path of files.paths()) {
    const content = files.content(path);
    if (content !== null && !path.includes('lock')) left.put(path, Buffer.from(content, 'latin1'));
  }
  return left;
}

interface Killed {
  readonly files: MemoryFiles;
  readonly appended: string[];
  readonly acked: string[];
  readonly isOver: boolean;
}

/** Five commands well, then faults, then as many as come; killed before the operation with this number, counted from the fault on. */
async function killedAt(operation: number, faults: (files: MemoryFiles) => void): Promise<Killed> {
  const files = new MemoryFiles('/data');
  const { env, engine, append } = engineOn(files);
  const appended: string[] = [];
  const acked: string[] = [];
  const step = async (key: number) => {
    const { command, lsn } = append(key);
    appended.push(command);
    await engine.synced(lsn);
    acked.push(command);
  };
  let isOver = false;
  void (async () => {
    await engine.open();
    for (let key = 0; key < 5; key++) await step(key);
    faults(files);
    const start = files.operations.length;
    files.pace = () => (files.operations.length - start > operation ? new Promise(() => {}) : undefined);
    for (let key = 5; key < 8; key++) await step(key);
    await env.settle();
    isOver = true;
  })();
  for (let i = 0; i < 60 && !isOver; i++) {
    await env.settle(1);
    env.advance(50);
  }
  return { files: leftBy(files), appended, acked, isOver };
}

describe.each<[string, (files: MemoryFiles) => void]>([
  ['one fdatasync fails', (files) => files.failNext(/^datasync .*incr/, 'EIO')],
  ['three in a row fail', (files) => files.failNext(/^datasync .*incr/, 'EIO', { times: 3 })],
  [
    'the manifest fails too, after its rename',
    (files) => {
      files.failNext(/^datasync .*incr/, 'EIO');
      files.failNext(/^syncDirectory/, 'EIO', { times: 3 });
    },
  ],
  [
    'a write fails, and cutting the old segment too',
    (files) => {
      files.failNext(/^write .*incr/, 'EIO');
      files.failNext(/^truncate/, 'EIO');
    },
  ],
])('a roll where %s', (_, faults) => {
  it('may be killed before any of its operations', async () => {
    let kills = 0;
    for (let operation = 0; ; operation++) {
      const { files, appended, acked, isOver } = await killedAt(operation, faults);
      const second = engineOn(files);
      await second.engine.open().catch((error: unknown) => expect.fail(`killed at ${operation}: ${error}`));
      const where = `killed at ${operation}`;
      expect(second.commands, where).toEqual(appended.slice(0, second.commands.length));
      expect(second.commands.length, where).toBeGreaterThanOrEqual(acked.length);
      expect(files.content('/data/appendonlydir/appendonly.aof.manifest'), where).not.toContain('cut');
      const { command, lsn } = second.append(100);
      const synced = second.engine.synced(lsn);
      await second.env.settle(5);
      await synced;
      const third = engineOn(leftBy(files));
      await third.engine.open();
      expect(third.commands, where).toEqual([...second.commands, command]);
      kills++;
      if (isOver) break;
    }
    expect(kills).toBeGreaterThan(15);
  });
});
