import { mkdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { AofError, AppendOnlyFile } from '../../src/aof.js';
import { backendNames } from '../support/backends.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

afterEach(removeTempDirs);

class Recorder {
  readonly commands: string[] = [];

  apply(db: number, argv: readonly Buffer[]): void {
    this.commands.push(`${db} ${argv.map((arg) => arg.toString('latin1')).join(' ')}`);
  }
}

async function reread(dir: string, backend: 'native' | 'fallback'): Promise<string[]> {
  const host = new Recorder();
  const aof = await AppendOnlyFile.open({ dir, host, backend });
  await aof.close();
  return host.commands;
}

const incrOf = (dir: string) => join(dir, 'appendonlydir', 'appendonly.aof.1.incr.aof');

describe.each(backendNames)('the engine on %s', (backend) => {
  it('gives back what was appended, in order, with its databases', async () => {
    const dir = tempDir('engine');
    const aof = await AppendOnlyFile.open({ dir, host: new Recorder(), backend });
    expect(aof.backend.kind).toBe(backend);
    aof.append(0, 'SET', 'a', '1');
    aof.append(3, 'SET', 'b', Buffer.from([0, 255, 13, 10]));
    aof.append(3, 'INCRBY', 'n', 7);
    const raw = Buffer.from('*2\r\n$3\r\nDEL\r\n$1\r\na\r\n');
    aof.appendRaw(0, raw);
    await aof.close();
    expect(await reread(dir, backend)).toEqual(['0 SET a 1', '3 SET b \x00\xff\r\n', '3 INCRBY n 7', '0 DEL a']);
  });

  it('wraps a unit of several commands and leaves a single one bare', async () => {
    const dir = tempDir('engine');
    const aof = await AppendOnlyFile.open({ dir, host: new Recorder(), backend });
    aof.unit(0, (log) => log('SET', 'a', 1));
    aof.unit(2, (log) => {
      log('SET', 'b', 2);
      log('SET', 'c', 3);
    });
    expect(() =>
      aof.unit(0, (log) => {
        log('SET', 'never', 1);
        throw new Error('changed my mind');
      }),
    ).toThrow('changed my mind');
    await aof.close();
    const records = readFileSync(incrOf(dir), 'latin1')
      .split('\r\n')
      .filter((line) => /^(MULTI|EXEC|SELECT|SET|never|[abc])$/.test(line));
    expect(records).toEqual(['SELECT', 'SET', 'a', 'MULTI', 'SELECT', 'SET', 'b', 'SET', 'c', 'EXEC']);
  });

  it('refuses raw bytes that are no canonical command, and those that belong to the engine', async () => {
    const aof = await AppendOnlyFile.open({ dir: tempDir('engine'), host: new Recorder(), backend });
    for (const text of [
      '*1\r\n$4\r\nPIN',
      '*01\r\n$4\r\nPING\r\n',
      'PING\r\n',
      '*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n',
      '*1\r\n$4\r\nexec\r\n',
    ]) {
      expect(() => aof.appendRaw(0, Buffer.from(text))).toThrow(TypeError);
    }
    await aof.close();
  });

  it('synced resolves under every policy, and what is appended later needs another', async () => {
    for (const appendfsync of ['always', 'everysec', 'no'] as const) {
      const aof = await AppendOnlyFile.open({ dir: tempDir('engine'), host: new Recorder(), backend, appendfsync });
      const first = aof.append(0, 'SET', 'a', '1');
      await aof.synced(first);
      expect(aof.syncedLsn).toBeGreaterThanOrEqual(first);
      const second = aof.append(0, 'SET', 'a', '2');
      expect(aof.syncedLsn).toBeLessThan(second);
      await aof.synced();
      expect(aof.syncedLsn).toBe(second);
      await aof.close();
    }
  });

  it('LSNs go on where they were after a restart', async () => {
    const dir = tempDir('engine');
    let aof = await AppendOnlyFile.open({ dir, host: new Recorder(), backend });
    const lsn = aof.append(0, 'SET', 'a', '1');
    await aof.close();
    aof = await AppendOnlyFile.open({ dir, host: new Recorder(), backend });
    expect(aof.appendedLsn).toBe(lsn);
    expect(aof.append(0, 'SET', 'a', '2')).toBeGreaterThan(lsn);
    await aof.close();
  });

  it('a closed log refuses', async () => {
    const aof = await AppendOnlyFile.open({ dir: tempDir('engine'), host: new Recorder(), backend });
    await aof.close();
    expect(() => aof.append(0, 'SET', 'a', '1')).toThrow(expect.objectContaining({ code: 'AOF_CLOSED' }));
    await expect(aof.close()).resolves.toBeUndefined();
  });

  it('a second opener is refused with the pid of the first, and gets in after it', async () => {
    const dir = tempDir('engine');
    const first = await AppendOnlyFile.open({ dir, host: new Recorder(), backend });
    const refused = AppendOnlyFile.open({ dir, host: new Recorder(), backend });
    await expect(refused).rejects.toMatchObject({ code: 'AOF_LOCKED', message: expect.stringContaining(String(process.pid)) });
    await first.close();
    await expect(reread(dir, backend)).resolves.toEqual([]);
  });

  it('never starts empty beside a dump in RDB format, and refuses one that is newer than the log', async () => {
    const dir = tempDir('engine');
    writeFileSync(join(dir, 'dump.rdb'), 'REDIS0010 and so on');
    await expect(reread(dir, backend)).rejects.toMatchObject({ code: 'AOF_UNSUPPORTED' });
    utimesSync(join(dir, 'dump.rdb'), 1, 1);
    writeFileSync(join(dir, 'dump.rdb'), '');
    const aof = await AppendOnlyFile.open({ dir, host: new Recorder(), backend });
    aof.append(0, 'SET', 'a', '1');
    await aof.close();
    writeFileSync(join(dir, 'dump.rdb'), 'REDIS0010 and so on');
    const inAnHour = Date.now() / 1000 + 3600;
    utimesSync(join(dir, 'dump.rdb'), inAnHour, inAnHour);
    await expect(reread(dir, backend)).rejects.toMatchObject({ code: 'AOF_CONFIG', message: expect.stringContaining('move') });
    utimesSync(join(dir, 'dump.rdb'), 1, 1);
    await expect(reread(dir, backend)).resolves.toEqual(['0 SET a 1']);
  });

  it('a base in RDB format is refused', async () => {
    const dir = tempDir('engine');
    await reread(dir, backend);
    writeFileSync(join(dir, 'appendonlydir', 'appendonly.aof.1.base.aof'), 'REDIS0010 and so on');
    await expect(reread(dir, backend)).rejects.toMatchObject({ code: 'AOF_UNSUPPORTED' });
  });

  it('read() yields what is logged, without a lock, up to an LSN', async () => {
    const dir = tempDir('engine');
    const aof = await AppendOnlyFile.open({ dir, host: new Recorder(), backend });
    aof.append(0, 'SET', 'a', '1');
    const until = aof.append(5, 'SET', 'b', '2');
    aof.append(5, 'SET', 'c', '3');
    await aof.synced();
    const seen: string[] = [];
    for await (const batch of AppendOnlyFile.read(dir, { backend, until })) {
      for (const { db, argv } of batch) seen.push(`${db} ${argv.join(' ')}`);
    }
    expect(seen).toEqual(['0 SELECT 0', '0 SET a 1', '5 SELECT 5', '5 SET b 2']);
    await aof.close();
  });

  it('back-pressure: writable turns false at half of the budget, and drain comes', async () => {
    const aof = await AppendOnlyFile.open({ dir: tempDir('engine'), host: new Recorder(), backend, aofBufferLimit: '8mb' });
    const value = Buffer.alloc(256 * 1024, 'x');
    let appended = 0;
    while (aof.writable) {
      aof.append(0, 'SET', 'k', value);
      appended++;
      expect(appended).toBeLessThan(10_000);
    }
    const drained = new Promise<void>((resolve) => aof.once('drain', resolve));
    await drained;
    expect(aof.writable).toBe(true);
    await aof.synced();
    await aof.close();
  });

  it('a directory that is replaced under it fails the log within a second or so', async () => {
    const dir = tempDir('engine');
    const aof = await AppendOnlyFile.open({ dir, host: new Recorder(), backend });
    const failed = new Promise<AofError>((resolve) => aof.once('failed', resolve));
    renameSync(join(dir, 'appendonlydir'), join(dir, 'moved'));
    mkdirSync(join(dir, 'appendonlydir'));
    expect(await failed).toMatchObject({ code: 'AOF_FAILED', message: expect.stringContaining('replaced') });
    expect(() => aof.append(0, 'SET', 'a', '1')).toThrow(expect.objectContaining({ code: 'AOF_FAILED' }));
    await expect(aof.synced(aof.appendedLsn + 1)).rejects.toMatchObject({ code: 'AOF_FAILED' });
    await expect(aof.close()).rejects.toMatchObject({ code: 'AOF_FAILED' });
  });

  it('an unknown option is refused by name', async () => {
    const options = { dir: tempDir('engine'), host: new Recorder(), backend, apendfsync: 'always' };
    await expect(AppendOnlyFile.open(options)).rejects.toBeInstanceOf(AofError);
    await expect(AppendOnlyFile.open(options)).rejects.toMatchObject({
      code: 'AOF_CONFIG',
      message: expect.stringContaining('apendfsync'),
    });
  });

  it('an aborted signal ends loading with AOF_ABORTED, and the directory is free again', async () => {
    const dir = tempDir('engine');
    let aof = await AppendOnlyFile.open({ dir, host: new Recorder(), backend });
    for (let i = 0; i < 200_000; i++) aof.append(0, 'SET', `key:${i}`, 'some value that takes a little space');
    await aof.close();
    const abort = new AbortController();
    const host = {
      apply: () => {
        abort.abort();
      },
    };
    await expect(AppendOnlyFile.open({ dir, host, backend, signal: abort.signal })).rejects.toMatchObject({
      code: 'AOF_ABORTED',
    });
    aof = await AppendOnlyFile.open({ dir, host: new Recorder(), backend });
    await aof.close();
  });
});
