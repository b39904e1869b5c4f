/**
 * The one command: `node bench/run.mjs [--rows P1,P2] [--trials 5] [--quick] [--record <directory>] [--tmp <directory>]`.
 * Measures, prints the tables, writes the raw record, and makes docs/performance.md anew. `--quick` is a smoke run: small
 * counts, one trial, a record marked quick under bench/record/tmp, docs untouched. `--list` says what there is and about how long it takes.
 */
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { makeContext } from './lib/compare.mjs';
import { describeMachine, describeVersions } from './lib/machine.mjs';
import { recordRoot } from './lib/paths.mjs';
import { RECORD_VERSION, writeRecord } from './lib/record.mjs';
import { textTable } from './lib/table.mjs';
import { openWorkspace } from './lib/workspace.mjs';
import { prepare } from './peers/write-loop.mjs';
import { writeReport } from './report.mjs';
import { rows } from './rows.mjs';

const USAGE = `usage: node bench/run.mjs [--rows ${rows.map((row) => row.id).join(',')}] [--trials 5] [--quick] [--list] [--record <directory>] [--tmp <directory>]`;

function readArguments() {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string' },
      trials: { type: 'string' },
      quick: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      record: { type: 'string' },
      tmp: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const wanted = values.rows?.split(',') ?? rows.map((row) => row.id);
  const measures = (row, id) => row.id === id || row.also?.includes(id) === true;
  const unknown = wanted.filter((id) => !rows.some((row) => measures(row, id)));
  if (unknown.length > 0) throw new Error(`no row ${unknown.join(', ')}`);
  const rounds = Number(values.trials ?? (values.quick ? 1 : 5));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--trials wants a whole number from 1');
  return { ...values, rounds, chosen: rows.filter((row) => wanted.some((id) => measures(row, id))) };
}

async function main() {
  let options;
  try {
    options = readArguments();
  } catch (error) {
    process.stderr.write(`${error.message}\n${USAGE}\n`);
    return 2;
  }
  if (options.help) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  if (options.list) {
    process.stdout.write(listOf(options.chosen, options.rounds));
    return 0;
  }
  const say = (text) => process.stderr.write(`${text}\n`);
  const workspace = openWorkspace(options.tmp, join(recordRoot, 'tmp'));
  const stop = () => {
    workspace.close();
    process.exit(1);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    try {
      prepare();
    } catch (error) {
      say(error.message);
    }
    const record = {
      version: RECORD_VERSION,
      date: new Date().toISOString(),
      isQuick: options.quick,
      rounds: options.rounds,
      machine: describeMachine(workspace.fileSystem),
      versions: describeVersions(),
      rows: {},
    };
    for (const row of options.chosen) {
      say(`${row.id}: ${row.title}`);
      const context = makeContext({ workspace, rounds: options.rounds, isQuick: options.quick, say });
      await row.run(context);
      record.rows[row.id] = { measurements: withoutPaths(context.measurements) };
      process.stdout.write(`\n${row.id}: ${row.title}\n${textTable(row.evaluate(context.measurements))}\n`);
    }
    const path = writeRecord(record, options.record ?? (options.quick ? join(recordRoot, 'tmp') : recordRoot));
    if (options.quick) say('a quick run shows that the benches work; its figures say nothing');
    say(`record: ${relative(process.cwd(), path)}`);
    if (!options.quick && options.record === undefined) say(`report: ${relative(process.cwd(), writeReport())}`);
    return 0;
  } finally {
    workspace.close();
  }
}

/** Durations are those of the machine that the records describe, and no more than a hint. */
function listOf(chosen, rounds) {
  const minutes = (seconds) => `${((seconds * rounds) / 60).toFixed(1)} min`;
  const lines = chosen.map(
    ({ id, title, secondsPerRound }) => `${id.padEnd(6)}${minutes(secondsPerRound).padStart(9)}  ${title}`,
  );
  const all = minutes(chosen.reduce((sum, row) => sum + row.secondsPerRound, 0));
  return `${lines.join('\n')}\n${'all'.padEnd(6)}${all.padStart(9)}  with ${rounds} trials\n`;
}

/** Directories of this machine are nobody's business. */
function withoutPaths(measurements) {
  const strip = ({ params: { source, dir, ...params }, ...rest }) => ({ params, ...rest });
  return Object.fromEntries(Object.entries(measurements).map(([name, measurement]) => [name, strip(measurement)]));
}

process.exitCode = await main();
