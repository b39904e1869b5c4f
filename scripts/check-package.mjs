// The packed tarball as users get it: its rules (publint), its types under every resolution (attw), and a smoke test that
// installs it into an empty folder and uses it by import and by require, with the prebuilt addon only.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const scratch = mkdtempSync(join(tmpdir(), 'everysec-pack-'));
const run = (command, args, cwd, env = {}) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, ...env } });

try {
  const hasAddon = existsSync(join(root, 'build', 'Release'));
  if (hasAddon && existsSync(join(root, 'scripts', 'package-addon.mjs')))
    run(process.execPath, ['scripts/package-addon.mjs'], root);
  run('npm', ['pack', '--silent', '--pack-destination', scratch], root);
  const tarball = join(scratch, readdirSync(scratch).find((name) => name.endsWith('.tgz')) ?? '');
  for (const [tool, args] of [
    ['publint', ['run', tarball, '--strict']],
    ['attw', [tarball, '--profile', 'node16']],
  ]) {
    const done = spawnSync(join(root, 'node_modules', '.bin', tool), args, { cwd: root, encoding: 'utf8' });
    if (done.status !== 0) {
      console.error(`${tool} failed\n${done.stdout}${done.stderr}`);
      process.exit(1);
    }
  }
  writeFileSync(join(scratch, 'package.json'), '{"private":true}');
  run('npm', ['install', '--silent', '--ignore-scripts', '--no-audit', '--no-fund', tarball], scratch);
  const use = `const db = await open({ dir: process.argv[1] }); db.set('k', 'v'); await db.synced(); if (db.get('k') !== 'v') throw new Error('lost'); console.log(db.backend.kind); await db.close();`;
  writeFileSync(join(scratch, 'use.mjs'), `import { open } from 'everysec';\n${use.replace('process.argv[1]', "'./d1'")}`);
  writeFileSync(
    join(scratch, 'use.cjs'),
    `const { open } = require('everysec');\n(async () => { ${use.replace('process.argv[1]', "'./d2'")} })();`,
  );
  writeFileSync(join(scratch, 'pure.mjs'), `import { open } from 'everysec/pure';\n${use.replace('process.argv[1]', "'./d3'")}`);
  const kinds = ['use.mjs', 'use.cjs', 'pure.mjs'].map((file) =>
    run(process.execPath, [file], scratch, { PREBUILDS_ONLY: '1' }).trim(),
  );
  const wanted = hasAddon ? ['native', 'native', 'fallback'] : ['fallback', 'fallback', 'fallback'];
  if (kinds.join() !== wanted.join()) throw new Error(`the packed package ran ${kinds.join()} instead of ${wanted.join()}`);
  console.log(`packed tarball: publint, attw, import, require and pure are fine (${kinds.join(', ')})`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
