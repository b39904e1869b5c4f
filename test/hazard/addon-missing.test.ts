/** Where there is no addon, a broken one or another version's, the TypeScript backend runs and says why. */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/backend/load-backend.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { nativeFactory } from '../support/native-factory.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

/** The variable of node-gyp-build that says where the package's addons are. */
const LOCATION = 'EVERYSEC_PREBUILD';

/** An addon of somebody else's. */
function foreignAddon(): string {
  const require = createRequire(__filename);
  return require('node-gyp-build').path(dirname(require.resolve('classic-level/package.json')));
}

describe('loadBackend', () => {
  const before = process.env[LOCATION];
  afterEach(() => {
    if (before === undefined) delete process.env[LOCATION];
    else process.env[LOCATION] = before;
    removeTempDirs();
  });

  /** A directory with build/Release, and in it what `put` puts there. */
  function place(put: (addon: string) => void): void {
    const directory = tempDir('addon');
    mkdirSync(join(directory, 'build', 'Release'), { recursive: true });
    put(join(directory, 'build', 'Release', 'everysec.node'));
    process.env[LOCATION] = directory;
  }

  it.each([
    ['is missing', () => {}, /^the addon does not load: No native build was found for platform=/],
    [
      'is no shared library',
      (addon: string) => writeFileSync(addon, 'text'),
      /^the addon does not load: .*(file too short|invalid ELF)/,
    ],
    ['is empty', (addon: string) => writeFileSync(addon, ''), /^the addon does not load: .*file too short/],
    [
      'is another one',
      (addon: string) => copyFileSync(foreignAddon(), addon),
      /^the addon does not load: .*another version: it lacks openLog/,
    ],
  ])('an addon that %s is a reason, not an error', async (_, put, reason) => {
    place(put);
    const backend = await loadBackend(createNodeEnv(), 'auto');
    expect(backend.kind).toBe('fallback');
    expect(backend.reason).toMatch(reason);
    await expect(loadBackend(createNodeEnv(), 'native')).rejects.toMatchObject({
      code: 'AOF_UNSUPPORTED',
      message: expect.stringContaining(backend.reason),
    });
  });

  it('fallback is had without a look at the addon', async () => {
    place(() => {});
    expect(await loadBackend(createNodeEnv(), 'fallback')).toMatchObject({
      kind: 'fallback',
      reason: 'the TypeScript backend was chosen',
    });
  });

  it.skipIf(nativeFactory() === null)('native is had where it loads', async () => {
    for (const want of ['auto', 'native'] as const)
      expect(await loadBackend(createNodeEnv(), want)).toMatchObject({ kind: 'native' });
  });
});
