import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** From package.json, three folders above this file when compiled (dist/cjs/cli). */
export function packageVersion(): string {
  const text = readFileSync(join(__dirname, '../../../package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
