// `everysec check` as a process: on a whole log, on a torn one, on a damaged one.
import { spawnSync } from 'node:child_process';
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { open } from '../../src/index.js';
import { everysecMain } from '../support/everysec-server.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

afterEach(removeTempDirs);

function check(...args: string[]) {
  return spawnSync(process.execPath, [everysecMain, 'check', ...args], { encoding: 'utf8' });
}

async function wholeLog(): Promise<{ dir: string; incr: string }> {
  const dir = tempDir('check');
  const db = await open({ dir });
  for (let i = 0; i < 10; i++) {
    db.set(`key:${i}`, 'value');
    await db.synced();
  }
  await db.close();
  return { dir, incr: join(dir, 'appendonlydir', 'appendonly.aof.1.incr.aof') };
}

describe('everysec check', () => {
  it('finds nothing wrong with a whole log, given as directory, manifest or file', async () => {
    const { dir, incr } = await wholeLog();
    for (const from of [dir, join(dir, 'appendonlydir', 'appendonly.aof.manifest'), incr]) {
      const run = check(from);
      expect(run.stdout).toContain('All AOF files and manifest are valid');
      expect(run.stdout).toContain('closed cleanly');
      expect(run.status).toBe(0);
    }
  });

  it('reports a torn tail, cuts it with --fix and keeps what it cut', async () => {
    const { dir, incr } = await wholeLog();
    const whole = readFileSync(incr);
    appendFileSync(incr, '*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1');
    expect(check(dir)).toMatchObject({
      status: 1,
      stdout: expect.stringContaining(`--fix would cut it at offset ${whole.length}`),
    });
    expect(readFileSync(incr).length).toBeGreaterThan(whole.length);
    expect(check('--fix', dir).status).toBe(0);
    expect(readFileSync(incr)).toEqual(whole);
    expect(readdirSync(join(dir, 'appendonlydir')).filter((name) => name.includes('.corrupt-'))).toHaveLength(1);
    expect(check(dir).status).toBe(0);
  });

  it('names the place of damage and never cuts it', async () => {
    const { dir, incr } = await wholeLog();
    const bytes = readFileSync(incr);
    const at = bytes.indexOf('key:3');
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(incr, bytes);
    const run = check('--fix', dir);
    expect(run.status).toBe(1);
    expect(run.stdout).toContain('Damage at offset');
    expect(readFileSync(incr)).toEqual(bytes);
  });

  it('answers wrong use with exit code 2 and help', () => {
    expect(check()).toMatchObject({ status: 2, stderr: expect.stringContaining('usage: everysec check') });
    expect(check('--nonsense', 'x').status).toBe(2);
    expect(check('--help').status).toBe(0);
    expect(check('/nonexistent')).toMatchObject({ status: 1, stderr: expect.stringContaining('/nonexistent') });
  });
});
