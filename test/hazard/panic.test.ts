/**
 * A panic inside an export is an exception, and the process lives. No input is known that makes the addon panic, so it is
 * built here once more with the cargo feature `panic-probe`, which adds an export that does nothing else; releases lack it.
 * (Panics in the threads of a log: crates/everysec-core/tests/log_pipeline.rs.)
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
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
      const log = await probe.openLog(path.join(directory, 'a'), 0, '0123abcd', 0, true, true, () => {});
      console.log(log.append('PING'));
      await log.close();`;
    const { stderr, ...rest } = await runChild(script, directory);
    const { stderr: _, ...expected } = ended(...Array(3).fill('true AOF_FAILED panic in the addon: probe'), '14');
    expect(rest).toEqual(expected);
    expect(stderr).toContain('panicked at');
  });

  it('has no export of its own in the addon that is shipped', async () => {
    expect(await runChild('console.log(typeof addon.panicProbe);', tempDir('panic'))).toEqual(ended('undefined'));
  });
});
