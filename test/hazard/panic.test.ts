/**
 * A panic inside an export is an exception, and the process lives. No input is known that makes the addon panic, so it is
 * built here once more with the cargo feature `panic-probe`, which adds an export that does nothing else, and a reader that panics
 * when it opens a file of that name; releases lack both.
 * (Panics in the threads of a log: crates/everysec-core/tests/log_pipeline.rs.)
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Binding } from '../../src/backend/native/binding.js';
import { createNativeReader } from '../../src/backend/native/native-reader.js';
import { nativeFactory } from '../support/native-factory.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';
import { ended, runChild } from './child-process.js';

const root = join(__dirname, '..', '..');
const BUILD_MS = 180_000;
const hasCargo = spawnSync('cargo', ['--version']).status === 0;

describe.skipIf(nativeFactory() === null || !hasCargo)('panic', () => {
  afterEach(removeTempDirs);

  it('inside an export is an Error with a code, and the addon goes on', { timeout: BUILD_MS }, async () => {
    const args = [
      'build',
      '--quiet',
      '--offline',
      '-p',
      'everysec-napi',
      '--features',
      'panic-probe',
      '--target-dir',
      'target/panic-probe',
    ];
    const built = spawnSync('cargo', args, { cwd: root, encoding: 'utf8' });
    expect(built.stderr).toBe('');
    const directory = tempDir('panic');
    copyFileSync(join(root, 'target', 'panic-probe', 'debug', 'libeverysec_napi.so'), join(directory, 'probe.node'));
    const script = `
      const probe = require(path.join(directory, 'probe.node'));
      for (let i = 0; i < 3; i++) try { probe.panicProbe(); } catch (error) { console.log(error instanceof Error, error.code, error.message); }
      fs.writeFileSync(path.join(directory, 'a'), '');
      await probe.openReader(path.join(directory, 'panic-probe'), 4096, 0, 4096).fill().catch((error) => console.log(error.code, error.message));
      const log = await probe.openLog(path.join(directory, 'a'), 0, '0123abcd', 0, true, true, () => {});
      console.log(log.append('PING'));
      await log.close();`;
    const { stderr, ...rest } = await runChild(script, directory);
    const { stderr: _, ...expected } = ended(
      ...Array(3).fill('true AOF_FAILED panic in the addon: probe'),
      'AOF_FAILED panic in the addon: probe',
      '14',
    );
    expect(rest).toEqual(expected);
    expect(stderr).toContain('panicked at');
  });

  it('of a reader is told as a failure of the backend, not of the file', async () => {
    const panic = Object.assign(new Error('panic in the addon: probe'), { code: 'AOF_FAILED' });
    const functions = { fill: () => Promise.reject(panic), take() {}, close: async () => {} };
    const reader = createNativeReader({ openReader: () => functions } as unknown as Binding, { path: '/nowhere/incr' });
    await expect(reader.next()).rejects.toMatchObject({ code: 'AOF_FAILED', path: '/nowhere/incr', cause: panic });
    await reader.close();
  });

  it('cannot leave a function that Node or a thread of its calls: each of them runs in a frame that catches', () => {
    const directory = join(root, 'crates', 'everysec-napi', 'src');
    const entries: string[] = [];
    for (const file of readdirSync(directory)) {
      const source = readFileSync(join(directory, file), 'utf8');
      for (const [, name, body] of source.matchAll(/extern "C" fn (\w+)[^{]*\{\n(.*?)^\}/gms)) {
        entries.push(
          `${file} ${name} ${/\b(js::export|js::contain|method|order|catch_unwind)\(/.test(body ?? '') ? 'catches' : ''}`,
        );
      }
    }
    expect(entries.length).toBeGreaterThan(35);
    expect(entries.filter((entry) => !entry.endsWith('catches'))).toEqual(['lib.rs node_api_module_get_api_version_v1 ']);
  });

  it('has no export of its own in the addon that is shipped', async () => {
    expect(await runChild('console.log(typeof addon.panicProbe);', tempDir('panic'))).toEqual(ended('undefined'));
  });
});
