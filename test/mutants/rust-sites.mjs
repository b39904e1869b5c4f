/**
 * Every place in crates/ that calls for durability: the log file's datasync and truncate, the standard library's and libc's calls
 * behind them, and the log's request for a sync. Found by tokens, comments and literals left out: a name of the list that is followed
 * by `(` and is not being defined is a site, whatever it is called on; what is none stands in NO_FILES. A name that is taken without
 * a call is an error.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What stands there instead, and what stands there with the error dropped. */
const RESULT = { removed: () => 'Ok(())', ignored: (text) => `${text}.or(Ok(()))` };
const IO_RESULT = { removed: () => 'std::io::Result::Ok(())', ignored: (text) => `${text}.or(std::io::Result::Ok(()))` };
const STATUS = { removed: () => '0', ignored: (text) => `(${text}, 0).1` };
const ORDER = { removed: () => '()' };

const NAMES = new Map([
  ...['datasync', 'truncate'].map((name) => [name, RESULT]),
  ...['sync_data', 'sync_all', 'set_len', 'rename'].map((name) => [name, IO_RESULT]),
  ...['fdatasync', 'fsync', 'ftruncate', 'fallocate', 'sync_file_range', 'syncfs', 'renameat', 'renameat2'].map((name) => [
    name,
    STATUS,
  ]),
  ['request_sync', ORDER],
]);

/** Vectors, not files. */
const NO_FILES = [
  { file: 'crates/everysec-core/src/command_reader.rs', text: 'self.window.truncate' },
  { file: 'crates/everysec-napi/src/js.rs', text: 'bytes.truncate' },
];

/** The table of N-API functions: its function calls cut_file(), which is a site. */
const HANDED_ON = [{ file: 'crates/everysec-napi/src/log_methods.rs', text: 'truncate' }];

/** Models of a disk, which are no part of the product. */
const MODELS = /^crates\/everysec-core\/src\/fs\/sim/;

/** As findTypescriptSites(). */
export function findRustSites(root) {
  const seen = new Set();
  const note = (list, file, text) => {
    const found = list.find((entry) => entry.file === file && entry.text === text);
    if (found !== undefined) seen.add(found);
    return found !== undefined;
  };
  const sites = [];
  for (const file of rustFiles(root)) {
    const source = readFileSync(join(root, file), 'utf8');
    const tokens = tokensOf(source);
    let scope = 'module';
    for (let i = 0; i < tokens.length; i++) {
      const { text } = tokens[i];
      if (tokens[i - 1]?.text === 'fn') scope = text;
      else if (NAMES.has(text)) {
        const first = calleeStart(tokens, i);
        const callee = source.slice(tokens[first].start, tokens[i].end);
        const line = source.slice(0, tokens[i].start).split('\n').length;
        if (tokens[i + 1]?.text !== '(') {
          if (note(HANDED_ON, file, callee)) continue;
          throw new Error(`${file}:${line}: ${callee} is taken and not called: no mutant can be made of it`);
        }
        if (note(NO_FILES, file, callee)) continue;
        const [start, end] = [tokens[first].start, tokens[closing(tokens, i + 1)].end];
        sites.push({ file, line, scope, operation: text, start, end, edits: editsOf(text, source.slice(start, end)) });
      }
    }
  }
  for (const entry of [...NO_FILES, ...HANDED_ON]) {
    if (!seen.has(entry)) throw new Error(`${entry.text} is not in ${entry.file} any more: take it from the list`);
  }
  return sites;
}

function editsOf(name, text) {
  return Object.entries(NAMES.get(name)).map(([kind, replace]) => ({ kind, text: replace(text) }));
}

function rustFiles(root) {
  const files = [];
  for (const crate of ['everysec-core', 'everysec-napi']) {
    const directory = `crates/${crate}/src`;
    for (const name of readdirSync(join(root, directory), { recursive: true }).sort()) {
      const file = `${directory}/${name}`;
      if (file.endsWith('.rs') && !MODELS.test(file)) files.push(file);
    }
  }
  return files;
}

const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|[bc]?r(#*)"[\s\S]*?"\1|[bc]?"(?:\\[\s\S]|[^"\\])*"|b?'(?:\\[^']*|[^'\\\n])'|'\w+|\w+|::|[^\s\w]/g;

/** Without comments, and up to the tests of the module. */
function tokensOf(source) {
  const end = source.search(/^#\[cfg\(test\)\]\s+mod /m);
  const text = end < 0 ? source : source.slice(0, end);
  return [...text.matchAll(TOKEN)]
    .filter(([token]) => !token.startsWith('//') && !token.startsWith('/*'))
    .map((found) => ({ text: found[0], start: found.index, end: found.index + found[0].length }));
}

/** Index of the token at which `a.b(c).name` or `a::name` begins. */
function calleeStart(tokens, at) {
  let i = at;
  while (tokens[i - 1]?.text === '.' || tokens[i - 1]?.text === '::') {
    i -= 2;
    while (tokens[i].text === ')' || tokens[i].text === '?') i = tokens[i].text === '?' ? i - 1 : opening(tokens, i) - 1;
  }
  return i;
}

function opening(tokens, at) {
  for (let i = at, depth = 0; i >= 0; i--) {
    if (tokens[i].text === ')') depth++;
    else if (tokens[i].text === '(' && --depth === 0) return i;
  }
  throw new Error('a parenthesis is not opened');
}

function closing(tokens, at) {
  for (let i = at, depth = 0; i < tokens.length; i++) {
    if (tokens[i].text === '(') depth++;
    else if (tokens[i].text === ')' && --depth === 0) return i;
  }
  throw new Error('a parenthesis is not closed');
}
