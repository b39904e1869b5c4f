/** binding.ts and the crate list the same names in the same order, and the addon that is loaded has them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXPORTS, LOG_METHODS, loadBinding, READER_METHODS } from '../../src/backend/native/binding.js';
import { nativeFactory } from '../support/native-factory.js';

/** The names in a table `const <table>: ... = [ (c"name", ...) ... ];` of a source file of the crate. */
function namesIn(file: string, table: string): string[] {
  const source = readFileSync(join(__dirname, '..', '..', 'crates', 'everysec-napi', 'src', file), 'utf8');
  const found = new RegExp(`^(?:pub )?const ${table}:[^=]*=\\s*&?\\[([^;]*?)\\];`, 'ms').exec(source);
  if (found?.[1] === undefined) throw new Error(`no table ${table} in ${file}`);
  const released = found[1].replace(/#\[cfg\(feature[^\n]*\n[^\n]*/g, '');
  return [...released.matchAll(/c"(\w+)"/g)].map(([, name]) => name ?? '');
}

describe('names of the bridge', () => {
  it.each([
    ['lib.rs', 'EXPORTS', EXPORTS],
    ['log_methods.rs', 'METHODS', LOG_METHODS],
    ['reader.rs', 'METHODS', READER_METHODS],
  ] as const)('%s %s', (file, table, names) => {
    expect(namesIn(file, table)).toEqual(names);
  });

  it.skipIf(nativeFactory() === null)('the addon that loads', () => {
    expect(Object.keys(loadBinding())).toEqual(EXPORTS);
  });
});
