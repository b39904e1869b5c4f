/** The benches run as a test, with small counts, so that they never rot; and the report says what the records say. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const ROOT = resolve(__dirname, '../..');

interface Trial {
  readonly round: number;
  readonly subject: string;
  readonly result?: Record<string, unknown>;
  readonly unavailable?: string;
}

interface BenchRecord {
  readonly isQuick: boolean;
  readonly rows: Record<string, { readonly measurements: Record<string, { readonly trials: readonly Trial[] }> }>;
}

/** Subjects that may be missing on a machine, and what they are missing. */
const OPTIONAL: Record<string, RegExp> = {
  native: /the native backend does not run here/,
  'native-plain': /the native backend does not run here/,
  'write-loop': /cargo/,
};

const isChecked = process.env.CI === 'true';

afterAll(removeTempDirs);

describe('bench/run.mjs --quick', () => {
  it('runs every row with every subject that can run here, and records all trials as quick', { timeout: 480_000 }, () => {
    const { record, tables } = runQuick();
    expect(record.isQuick).toBe(true);
    expect(Object.keys(record.rows)).toEqual([
      ...['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8', 'P11', 'P12', 'P13', 'P14', 'calls'],
    ]);
    for (const [id, row] of Object.entries(record.rows)) {
      for (const [name, { trials }] of Object.entries(row.measurements)) {
        expect(trials.length, `${id} ${name}`).toBeGreaterThan(0);
        for (const trial of trials) expectRan(`${id} ${name}`, trial);
      }
    }
    // Every figure that a table wants is in the trials, under the name by which it is looked for.
    expect(tables).not.toMatch(/NaN|undefined|Infinity/);
    if (!JSON.stringify(record).includes('"unavailable"')) expect(tables).not.toContain('not run');
  });

  it('lists the rows with a duration each, also by the name of what a row measures besides', () => {
    const done = spawnSync(process.execPath, ['bench/run.mjs', '--list', '--rows', 'P2,P10'], { cwd: ROOT, encoding: 'utf8' });
    expect(done.status, done.stderr).toBe(0);
    expect(done.stdout).toMatch(/^P2 +\d+\.\d min .*\nP8 +\d+\.\d min .*P10.*\nall +\d+\.\d min .*\n$/);
  });

  it('refuses a row that does not exist', () => {
    const done = spawnSync(process.execPath, ['bench/run.mjs', '--quick', '--rows', 'P99'], { cwd: ROOT, encoding: 'utf8' });
    expect(done.status).toBe(2);
    expect(done.stderr).toContain('no row P99');
  });
});

function runQuick(): { record: BenchRecord; tables: string } {
  const target = tempDir('bench-record');
  const done = spawnSync(process.execPath, ['bench/run.mjs', '--quick', '--record', target], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(done.status, done.stderr).toBe(0);
  const [name, ...others] = readdirSync(target);
  expect(others).toEqual([]);
  const record = JSON.parse(readFileSync(join(target, name ?? ''), 'utf8')) as BenchRecord;
  return { record, tables: done.stdout };
}

function expectRan(where: string, trial: Trial): void {
  if (trial.unavailable === undefined) {
    expect(Object.keys(trial.result ?? {}), `${where} ${trial.subject}`).not.toEqual([]);
    return;
  }
  // Without the right to mount there is no disk that can be frozen or slowed down.
  if (/^P4 |^P11 throttled/.test(where) && /cannot be (mounted|throttled) here/.test(trial.unavailable)) return;
  // A machine without Redis has no reference for the servers; where everything is checked it has to be there.
  if (/redis-(server|benchmark) is not installed/.test(trial.unavailable) && !isChecked) return;
  const excuse = OPTIONAL[trial.subject];
  expect(trial.unavailable, `${where} ${trial.subject}`).toMatch(excuse ?? /no excuse is accepted/);
  if (trial.subject.startsWith('native')) expect(process.env.EVERYSEC_REQUIRE_NATIVE, trial.unavailable).not.toBe('1');
}

describe('docs/performance.md', () => {
  it('is what the raw records give, with no figure typed by hand', () => {
    const render = `
      import { readRecords } from './bench/lib/record.mjs';
      import { renderReport } from './bench/report.mjs';
      process.stdout.write(renderReport(readRecords()));`;
    const done = spawnSync(process.execPath, ['--input-type=module', '-e', render], { cwd: ROOT, encoding: 'utf8' });
    expect(done.status, done.stderr).toBe(0);
    expect(readFileSync(join(ROOT, 'docs/performance.md'), 'utf8')).toBe(done.stdout);
  });

  it('calls a target missed when the median of the paired ratios is below it', () => {
    const render = `
      import { row } from './bench/throughput/append-raw.mjs';
      const trial = (round, subject, perSecond) => ({ round, subject, result: { perSecond, bytesPerSecond: perSecond * 75 } });
      const trials = [0, 1, 2].flatMap((round) => [
        trial(round, 'write-loop', 1e6 * (round + 1)),
        trial(round, 'native', 0.81e6 * (round + 1)),
        trial(round, 'fallback', 0.59e6 * (round + 1)),
      ]);
      process.stdout.write(JSON.stringify(row.evaluate({ append: { params: {}, trials } })));`;
    const done = spawnSync(process.execPath, ['--input-type=module', '-e', render], { cwd: ROOT, encoding: 'utf8' });
    expect(done.status, done.stderr).toBe(0);
    const lines = JSON.parse(done.stdout) as { subject: string; ratio: string; met: boolean }[];
    expect(lines.map(({ subject, ratio, met }) => [subject, ratio, met])).toEqual([
      ['native', '0.81', true],
      ['fallback', '0.59', false],
    ]);
  });
});

describe('everysec bench', () => {
  it('says so when the package was installed without the benches', () => {
    const home = join(tempDir('installed'), 'dist/cjs/cli');
    mkdirSync(home, { recursive: true });
    copyFileSync(join(ROOT, 'dist/cjs/cli/bench.js'), join(home, 'bench.js'));
    const call = `require(${JSON.stringify(join(home, 'bench.js'))}).benchCommand.run([]).then((code) => process.exit(code))`;
    const done = spawnSync(process.execPath, ['-e', call], { encoding: 'utf8' });
    expect(done.status).toBe(1);
    expect(done.stderr).toContain('does not contain the benches');
  });
});
