/**
 * The list of mutants: generated from the call sites of src/ and crates/, so that a new site has its mutants by being there, and
 * from the tables of orderings, whose entries must each match their sources exactly once.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { EQUIVALENTS } from './equivalents.mjs';
import { fileOrderings } from './orderings/files.mjs';
import { logOrderings } from './orderings/log.mjs';
import { rewriteOrderings } from './orderings/rewrite.mjs';
import { rustOrderings } from './orderings/rust.mjs';
import { findRustSites } from './rust-sites.mjs';
import { findTypescriptSites } from './typescript-sites.mjs';

/**
 * @typedef {{ id: string, file: string, line: number, what: string, backend: 'fallback' | 'native' | 'shared',
 *   equivalent: string | null, texts: Map<string, string>, digest: string }} Mutant
 * `texts`: the files as the mutant has them. `digest` stands for the change that it makes.
 */

/** @returns {Mutant[]} Throws where a table is stale. */
export function listMutants(root) {
  const read = reader(root);
  const stale = [];
  const tables = [...fileOrderings, ...logOrderings, ...rewriteOrderings, ...rustOrderings];
  const orderings = tables.flatMap((ordering) => orderingMutant(ordering, read, stale));
  if (stale.length > 0) throw new Error(`test/mutants/orderings is stale:\n${stale.join('\n')}`);
  const mutants = [...siteMutants(root, read), ...orderings];
  const ids = new Set(mutants.map(({ id }) => id));
  if (ids.size !== mutants.length) throw new Error('two mutants have the same id');
  for (const id of EQUIVALENTS.keys()) if (!ids.has(id)) throw new Error(`equivalents.mjs: there is no mutant ${id}`);
  return mutants;
}

function* siteMutants(root, read) {
  const counts = new Map();
  for (const site of [...findTypescriptSites(root), ...findRustSites(root)]) {
    const { file, line, start, end, operation, edits } = site;
    const place = `${basename(file, extname(file))}.${site.scope.replace('#', '')}.${operation.replace('(true)', '')}`;
    const count = (counts.get(place) ?? 0) + 1;
    counts.set(place, count);
    for (const { kind, text } of edits) {
      const source = read(file);
      const id = `${place}${count === 1 ? '' : `-${count}`}.${kind}`;
      const what = kind === 'removed' ? `${operation} not done` : `error of ${operation} ignored`;
      const texts = new Map([[file, source.slice(0, start) + text + source.slice(end)]]);
      yield mutant(id, file, line, what, texts, [source.slice(start, end), text]);
    }
  }
}

/** What does not match exactly once is added to `stale`. */
function orderingMutant({ id, rule, edits }, read, stale) {
  const texts = new Map();
  let line = 0;
  for (const { file, from, to } of edits) {
    const source = texts.get(file) ?? read(file);
    const count = source.split(from).length - 1;
    if (count !== 1) {
      stale.push(`${id}: ${file} has this ${count} times:\n${from}`);
      return [];
    }
    const at = source.indexOf(from);
    if (line === 0) line = source.slice(0, at).split('\n').length;
    texts.set(file, source.slice(0, at) + to + source.slice(at + from.length));
  }
  return [mutant(id, edits[0].file, line, rule, texts, edits)];
}

function mutant(id, file, line, what, texts, change) {
  const digest = createHash('sha256')
    .update(JSON.stringify([id, change]))
    .digest('hex')
    .slice(0, 16);
  return { id, file, line, what, backend: backendOf(file), equivalent: EQUIVALENTS.get(id) ?? null, texts, digest };
}

function backendOf(file) {
  if (file.startsWith('crates/') || file.startsWith('src/backend/native/')) return 'native';
  return file.startsWith('src/backend/fallback/') ? 'fallback' : 'shared';
}

function reader(root) {
  const texts = new Map();
  return (file) => {
    // A file that is gone matches nothing.
    if (!texts.has(file)) texts.set(file, existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '');
    return texts.get(file);
  };
}
