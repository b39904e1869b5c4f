/** The byte-exact examples of docs/aof-format.md, which the fixture holds for machines. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ReadOutcome } from '../../src/backend/backend.js';
import type { ReaderRig } from './reader-suite.js';

export interface FormatVector {
  readonly name: string;
  /** The file, as a JavaScript string with one character per byte. */
  readonly file: string;
  readonly commands: readonly (readonly string[])[];
  readonly outcome: Partial<ReadOutcome>;
}

const root = join(__dirname, '..', '..');

export function formatVectors(): FormatVector[] {
  return JSON.parse(readFileSync(join(root, 'test/fixtures/aof-format-vectors.json'), 'utf8'));
}

export function vectorTests(rig: ReaderRig): void {
  describe('vectors of docs/aof-format.md', () => {
    const page = readFileSync(join(root, 'docs/aof-format.md'), 'utf8');
    test.each(formatVectors())('$name', async ({ file, commands, outcome, name }) => {
      const read = await rig.read(Buffer.from(file, 'latin1'));
      expect(read.commands.map((command) => command.argv)).toEqual(commands);
      expect(read.outcome).toMatchObject(outcome);
      expect(page, 'the page shows the vector').toContain(`**${name}**`);
      expect(page, 'the page shows its bytes').toContain(shown(file));
    });
  });
}

/** How the page writes a file: a line of it per line, with the CRLF and bytes that are not printable spelled out. */
export function shown(file: string): string {
  return file
    .replace(/[\\\r\0]/g, (c) => ({ '\\': '\\\\', '\r': '\\r', '\0': '\\0' })[c] ?? c)
    .replace(/\n(?!$)/g, '\\n\n')
    .replace(/\n$/, '\\n');
}
