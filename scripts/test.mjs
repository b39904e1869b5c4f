// Every test of the project: Rust units, the vitest suite with the addon, and the suite again with the addon out of reach.
// Ends with one line that counts them all. `npm test -- <filter>` passes words on to vitest and runs only that.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const filters = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'everysec-test-'));
const total = { passed: 0, failed: 0, skipped: 0 };

function count(passed, failed, skipped = 0) {
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

function runVitest(title, env, args) {
  console.log(`\n== ${title}`);
  const report = join(scratch, `${title.replace(/\W+/g, '-')}.json`);
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const done = spawnSync(
    process.execPath,
    [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    },
  );
  if (!existsSync(report)) return count(0, 1);
  const result = JSON.parse(readFileSync(report, 'utf8'));
  const broken = result.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
  count(result.numPassedTests, result.numFailedTests + broken, result.numPendingTests);
  if (done.status !== 0 && result.numFailedTests + broken === 0) count(0, 1);
}

function runCargo() {
  if (spawnSync('cargo', ['--version']).status !== 0) {
    console.log('skipped: Rust unit tests, because cargo is not on this machine');
    return;
  }
  console.log('\n== Rust');
  const hasNextest = spawnSync('cargo', ['nextest', '--version']).status === 0;
  const args = hasNextest ? ['nextest', 'run', '--no-fail-fast'] : ['test', '--no-fail-fast'];
  const done = spawnSync('cargo', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const text = `${done.stdout}${done.stderr}`;
  process.stdout.write(`${text.trim().split('\n').slice(-12).join('\n')}\n`);
  let passed = 0;
  let failed = 0;
  for (const found of text.matchAll(/(\d+) passed/g)) passed += Number(found[1]);
  for (const found of text.matchAll(/(\d+) failed/g)) failed += Number(found[1]);
  if (done.status !== 0 && failed === 0) failed = 1;
  count(passed, failed);
}

if (filters.length > 0) {
  runVitest('vitest', {}, filters);
} else {
  runCargo();
  const hasAddon = existsSync(join(root, 'build', 'Release'));
  if (hasAddon) runVitest('vitest, with the addon', { EVERYSEC_REQUIRE_NATIVE: '1' }, []);
  else console.log('skipped: the suite with the addon, because it is not built here');
  runVitest(
    'vitest, without the addon',
    { EVERYSEC_BACKEND: 'fallback', EVERYSEC_REQUIRE_NATIVE: '' },
    hasAddon ? ['--exclude', 'test/scenario/bench*'] : [],
  );
}
rmSync(scratch, { recursive: true, force: true });
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 ? 0 : 1);
