/**
 * The mutation suite of the durability contract: every fsync, rename and truncate of the sources left out, or its error ignored, and
 * every ordering that the contract names turned round; for each the test that notices.
 *
 *   node test/mutants/run.mjs [--list | --check] [--only id,..] [--backend fallback|native] [--again survivors|all] [--tests word,..]
 *
 * --list prints the mutants. --check: whether docs/mutants.md tells of exactly these. Results are kept in build/ and hold while
 * a mutant makes the same change; --again runs these anew. --record writes docs/mutants.md. --tests: only files with such a word.
 * Ends with 1 where a mutant survives that equivalents.mjs does not explain.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { listMutants } from './mutants.mjs';
import { formatReport, isReportOf } from './report.mjs';
import { ScratchCopy } from './scratch-copy.mjs';
import { Suites } from './suites.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const reportPath = join(root, 'docs', 'mutants.md');
const resultsPath = join(root, 'build', 'mutants.json');
const { values: given } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    backend: { type: 'string', default: '' },
    again: { type: 'string', default: '' },
    tests: { type: 'string', default: '' },
    scratch: { type: 'string', default: join(tmpdir(), 'everysec-mutants') },
  },
});

const all = listMutants(root);
const wanted = words(given.only);
const chosen = all.filter(
  ({ id, backend }) =>
    (wanted.length === 0 || wanted.some((word) => id === word || (word.endsWith('*') && id.startsWith(word.slice(0, -1))))) &&
    (given.backend === '' || backend === given.backend || (backend === 'shared' && given.backend === 'fallback')),
);

if (given.list) {
  for (const { id, file, line, what, equivalent } of chosen)
    console.log(`${id}  ${file}:${line}  ${what}${equivalent === null ? '' : '  (equivalent)'}`);
} else if (given.check) {
  const stale = isReportOf(existsSync(reportPath) ? readFileSync(reportPath, 'utf8') : '', all);
  if (stale !== null) fail(`docs/mutants.md: ${stale}; run node test/mutants/run.mjs --record`);
  console.log(`${all.length} mutants, docs/mutants.md tells of each`);
} else {
  await run();
}

async function run() {
  const results = readResults();
  const todo = chosen.filter((mutant) => {
    if (mutant.equivalent !== null && !wanted.includes(mutant.id)) return false;
    const known = results[mutant.id];
    if (known?.digest !== mutant.digest || given.again === 'all') return true;
    return given.again === 'survivors' && known.caughtBy === null;
  });
  if (todo.length > 0) await meet(todo, results);
  const outcomes = chosen.map((mutant) => ({ mutant, caughtBy: outcomeOf(mutant, results) }));
  const survivors = outcomes.filter(({ mutant, caughtBy }) => caughtBy === null && mutant.equivalent === null);
  const caught = outcomes.filter(({ caughtBy }) => caughtBy !== null).length;
  const equivalent = outcomes.length - caught - survivors.length;
  console.log(`${outcomes.length} mutants: ${caught} caught, ${equivalent} equivalent, ${survivors.length} survived`);
  for (const { mutant } of survivors) console.log(`SURVIVED ${mutant.id}  ${mutant.file}:${mutant.line}  ${mutant.what}`);
  if (given.record) {
    if (chosen.length !== all.length) fail('docs/mutants.md is made of all mutants, not of some');
    writeFileSync(reportPath, formatReport(outcomes));
  }
  process.exitCode = survivors.length === 0 ? 0 : 1;
}

/** Each mutant meets the tests; what comes of it goes into `results` and onto the disk. */
async function meet(todo, results) {
  mkdirSync(dirname(resultsPath), { recursive: true });
  const scratch = new ScratchCopy(root, given.scratch);
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      scratch.stop('SIGTERM');
      process.exit(1);
    });
  }
  const suites = new Suites(scratch);
  const tests = words(given.tests);
  const isWanted = (file) => tests.length === 0 || tests.some((word) => file.includes(word));
  if (todo.some((mutant) => backendOf(mutant) === 'native') && suites.needsAddon(isWanted)) {
    const built = scratch.buildAddon();
    if (typeof built === 'string') fail(`the addon does not build\n${built}`);
  }
  for (const backend of new Set(todo.map(backendOf))) await suites.measure(backend, isWanted);
  for (const [i, mutant] of todo.entries()) {
    const begin = Date.now();
    const undo = scratch.apply(mutant);
    try {
      const first = results[mutant.id]?.caughtBy?.split(':')[0];
      const caughtBy = await suites.whoNotices(mutant, backendOf(mutant), isWanted, first);
      results[mutant.id] = { digest: mutant.digest, caughtBy };
      // Another run may be under way, over another scratch copy.
      writeFileSync(resultsPath, JSON.stringify({ ...readResults(), [mutant.id]: results[mutant.id] }, null, 1));
      const seconds = ((Date.now() - begin) / 1000).toFixed(0);
      console.log(
        `${i + 1}/${todo.length} ${mutant.id}  ${mutant.file}:${mutant.line}  ${caughtBy ?? 'SURVIVED'}  (${seconds} s)`,
      );
    } finally {
      undo();
    }
  }
}

function backendOf({ backend }) {
  return backend === 'native' ? 'native' : 'fallback';
}

function readResults() {
  return existsSync(resultsPath) ? JSON.parse(readFileSync(resultsPath, 'utf8')) : {};
}

function outcomeOf(mutant, results) {
  const known = results[mutant.id];
  return known?.digest === mutant.digest ? known.caughtBy : null;
}

function words(text) {
  return text.split(',').filter((word) => word !== '');
}

function fail(why) {
  console.error(why);
  process.exit(1);
}
