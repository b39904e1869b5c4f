/** Temporary directories of a test file: made on demand, removed together; EVERYSEC_KEEP=1 leaves them to be looked at. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made = new Set<string>();

export function tempDir(label: string): string {
  return madeIn(tmpdir(), label);
}

/** In memory, where write(2) does not wait for a disk that others keep busy. */
export function memoryDir(label: string): string {
  return madeIn(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), label);
}

function madeIn(parent: string, label: string): string {
  const dir = mkdtempSync(join(parent, `everysec-${label}-`));
  made.add(dir);
  return dir;
}

export function removeTempDirs(): void {
  if (process.env['EVERYSEC_KEEP'] === '1') return;
  for (const dir of made) rmSync(dir, { recursive: true, force: true });
  made.clear();
}
