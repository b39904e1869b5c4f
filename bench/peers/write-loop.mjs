/** The reference of the bandwidth rows: a compiled loop that writes the same bytes in 64 KiB write(2) calls. */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { throughput } from '../lib/clock.mjs';
import { packageRoot } from '../lib/paths.mjs';
import { makePool } from '../lib/pool.mjs';
import { Unavailable } from '../lib/unavailable.mjs';

const PROGRAM = join(packageRoot, 'target/release/examples/write_loop');
const CHUNK_BYTES = 64 * 1024;

/** Builds it; run once before the trials. Where cargo does not build, a program built earlier still serves. */
export function prepare() {
  try {
    execFileSync('cargo', ['build', '--release', '--quiet', '-p', 'everysec-core', '--example', 'write_loop'], {
      cwd: packageRoot,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch (error) {
    if (existsSync(PROGRAM)) return;
    throw new Unavailable(`cargo does not build the write loop: ${String(error.message).split('\n')[0]}`);
  }
}

export async function appendRaw({ dir, count, pool: shape }) {
  if (!existsSync(PROGRAM)) throw new Unavailable('the compiled write loop is not built (cargo is needed)');
  const pool = makePool(shape);
  const source = join(dir, 'pool');
  writeFileSync(source, pool.resp);
  const bytes = count * pool.recordBytes;
  const out = execFileSync(PROGRAM, [source, join(dir, 'log'), String(bytes), String(CHUNK_BYTES)], { encoding: 'utf8' });
  const { nanoseconds } = JSON.parse(out);
  return throughput(count, bytes, nanoseconds / 1e9);
}

export { appendRaw as appendStrings };
