/**
 * Raw records: one JSON file per run, every trial in it, never edited. docs/performance.md takes each row from the newest
 * record that has it.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { recordRoot } from './paths.mjs';

export const RECORD_VERSION = 1;

export function writeRecord(record, directory = recordRoot) {
  mkdirSync(directory, { recursive: true });
  const stamp = record.date.replace(/\.\d+Z$/, 'Z').replaceAll(':', '');
  const name = `${stamp}${record.isQuick ? '-quick' : ''}.json`;
  writeFileSync(join(directory, name), `${format(record)}\n`);
  return join(directory, name);
}

/** One line per trial: a record can be read and compared by eye. */
function format(record) {
  const trials = [];
  const text = JSON.stringify(
    record,
    (key, value) => {
      if (key !== 'trials') return value;
      return value.map((trial) => `@trial${trials.push(JSON.stringify(trial)) - 1}@`);
    },
    2,
  );
  return text.replace(/"@trial(\d+)@"/g, (_, index) => trials[Number(index)]);
}

/** Newest first; quick runs are no record. */
export function readRecords(directory = recordRoot) {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map((entry) => ({ name: entry.name, ...JSON.parse(readFileSync(join(directory, entry.name), 'utf8')) }))
    .filter((record) => record.version === RECORD_VERSION && !record.isQuick)
    .sort((a, b) => b.date.localeCompare(a.date));
}
