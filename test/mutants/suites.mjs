/** Which tests can notice a mutant, and running them: from cheap to dear, until one fails. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Folders with tests of the contract. Those of the protocol and of Redis's answers have nothing to say about it. */
const FOLDERS = ['unit', 'conformance', 'crash', 'scenario'];
const LEFT_OUT = /bench-smoke|server-replies|server-limits|real-clients|loading-progress/;
/** Files that are run in one process of vitest take this long at most, by their measured times. */
const BATCH_MS = 8000;
/** So much longer may a test take that is nearer by one import. */
const MS_PER_IMPORT = 2000;
/** What runs the built package, in imports. */
const FAR = 8;
const LIMIT_BASE_MS = 90_000;
const CARGO_LIMIT_MS = 300_000;

export class Suites {
  constructor(scratch) {
    this.scratch = scratch;
    this.timesPath = join(scratch.directory, 'times.json');
    this.times = existsSync(this.timesPath) ? JSON.parse(readFileSync(this.timesPath, 'utf8')) : {};
    this.closures = new Map(testFiles(scratch.directory).map((file) => [file, closureOf(scratch.directory, file)]));
  }

  /** All of them on the original: they must pass, and how long each takes says in which order mutants meet them. */
  async measure(backend, isWanted) {
    const files = [...this.closures.keys()].filter((file) => isWanted(file) && this.times[`${backend} ${file}`] === undefined);
    for (const file of files) {
      const begin = Date.now();
      const outcome = await this.runVitest(backend, [file], 600_000);
      if (outcome !== null) throw new Error(`${backend}: ${outcome} fails without any mutant`);
      this.times[`${backend} ${file}`] = Date.now() - begin;
      writeFileSync(this.timesPath, JSON.stringify(this.times));
    }
  }

  /** The test that notices, as `file: name`; null when none does. `first`: a file that noticed before. */
  async whoNotices(mutant, backend, isWanted, first) {
    const isRust = mutant.file.startsWith('crates/');
    if (isRust) {
      const found = await this.runCargo();
      if (found !== null) return found;
      const candidates = this.candidates(backend, isWanted, first, addonDistance);
      if (candidates.length === 0) return null;
      const undo = this.scratch.buildAddon();
      if (typeof undo === 'string') throw new Error(`${mutant.id} does not compile\n${undo}`);
      try {
        return await this.runBatches(backend, candidates);
      } finally {
        undo();
      }
    }
    const distance = ({ files, isWhole }) =>
      Math.min(...[...mutant.texts.keys()].map((file) => files.get(file) ?? (isWhole ? FAR : Number.POSITIVE_INFINITY)));
    return this.runBatches(backend, this.candidates(backend, isWanted, first, distance));
  }

  needsAddon(isWanted) {
    return [...this.closures].some(([file, { hasAddon }]) => hasAddon && isWanted(file));
  }

  /** From cheap to dear; a test that is nearer to the mutant may cost more. Infinitely far is out of the question. */
  candidates(backend, isWanted, first, distance) {
    const found = [];
    for (const [file, closure] of this.closures) {
      const far = distance(closure);
      if (!isWanted(file) || far === Number.POSITIVE_INFINITY) continue;
      const ms = file === first ? 0 : (this.times[`${backend} ${file}`] ?? BATCH_MS);
      found.push({ file, ms, rank: file === first ? 0 : ms + far * MS_PER_IMPORT });
    }
    return found.sort((a, b) => a.rank - b.rank);
  }

  async runBatches(backend, candidates) {
    for (let i = 0; i < candidates.length; ) {
      const batch = [];
      let ms = 0;
      do {
        batch.push(candidates[i].file);
        ms += candidates[i].ms;
        i++;
      } while (ms > 0 && i < candidates.length && ms + candidates[i].ms <= BATCH_MS);
      const outcome = await this.runVitest(backend, batch, LIMIT_BASE_MS + 4 * ms);
      if (outcome === null) continue;
      // Where real time passes a busy machine may fail a test: it has to fail twice.
      if (outcome.startsWith('test/unit/') || outcome.startsWith('time limit')) return outcome;
      const [file] = outcome.split(':');
      const again = await this.runVitest(backend, [file], LIMIT_BASE_MS + 4 * ms);
      if (again !== null) return again;
      console.log(`not again: ${outcome}`);
      const others = candidates.filter((candidate) => batch.includes(candidate.file) && candidate.file !== file);
      const found = await this.runBatches(backend, others);
      if (found !== null) return found;
    }
    return null;
  }

  async runVitest(backend, files, limitMs) {
    const report = join(this.scratch.directory, 'report.json');
    rmSync(report, { force: true });
    const args = [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--bail=1',
      '--testTimeout=40000',
      '--reporter=json',
      `--outputFile=${report}`,
    ];
    const env = backend === 'native' ? { EVERYSEC_REQUIRE_NATIVE: '1' } : { EVERYSEC_BACKEND: 'fallback' };
    const { status, output, isLate } = await this.scratch.run(process.execPath, [...args, ...files], env, limitMs);
    if (isLate) return `time limit: ${files.join(', ')}`;
    if (status === 0) return null;
    if (!existsSync(report)) return `vitest: ${output.trim().split('\n').at(-1)}`;
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
    for (const { name, assertionResults, status: fileStatus } of testResults) {
      const file = relative(this.scratch.directory, name);
      const failed = assertionResults.find((result) => result.status === 'failed');
      if (failed !== undefined) return `${file}: ${failed.fullName}`;
      if (fileStatus === 'failed' && assertionResults.length === 0) return `${file}: it cannot be loaded`;
    }
    return `${files.join(', ')}: an error outside of any test`;
  }

  /** As a test in which real time passes, what fails has to fail twice. */
  async runCargo(filter = []) {
    const args = ['nextest', 'run', '-p', 'everysec-core', '--status-level=fail', '--final-status-level=none', ...filter];
    const { status, output, isLate } = await this.scratch.run('cargo', args, {}, CARGO_LIMIT_MS);
    if (isLate) return 'time limit: cargo nextest';
    if (status === 0) return null;
    const failed = /^ +(?:FAIL|SIGABRT|SIGSEGV|TIMEOUT) \[[^\]]*\] (?:\([^)]*\) )?(\S+) (\S+)/m.exec(output);
    if (failed === null) throw new Error(`cargo nextest did not run\n${output.slice(-2000)}`);
    const name = `${failed[1]}: ${failed[2]}`;
    if (filter.length > 0) return name;
    const again = await this.runCargo(['-E', `test(=${failed[2]})`]);
    if (again === null) console.log(`not again: ${name}`);
    return again;
  }
}

function addonDistance({ hasAddon }) {
  return hasAddon ? 0 : Number.POSITIVE_INFINITY;
}

function testFiles(root) {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(root, 'test', folder))
      .filter((name) => name.endsWith('.test.ts') && !LEFT_OUT.test(name))
      .sort()
      .map((name) => `test/${folder}/${name}`),
  );
}

const IMPORT = /^(?:import|export)\s+(?!type\b)[^;]*?from\s+'(\.[^']+)'|^import\s+'(\.[^']+)'|import\('(\.[^']+)'\)/gm;

/** Everything that a test file imports, with the number of imports between. `isWhole`: it runs the built package, so all of it. */
function closureOf(root, file) {
  const files = new Map([[file, 0]]);
  let isWhole = false;
  for (const [path, distance] of files) {
    const text = readFileSync(join(root, path), 'utf8');
    isWhole ||= path.startsWith('test/') && /dist\/cjs|'dist'/.test(text);
    for (const [, a, b, c] of text.matchAll(IMPORT)) {
      const next = relative(root, resolve(root, dirname(path), a ?? b ?? c)).replace(/\.js$/, '.ts');
      if (!files.has(next) && existsSync(join(root, next))) files.set(next, distance + 1);
    }
  }
  return { files, isWhole, hasAddon: isWhole || files.has('src/backend/native/native-backend.ts') };
}
