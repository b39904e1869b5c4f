/** The reference of the reading rows: the same file out of the page cache, 1 MiB a call, nothing looked at. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { now, throughput } from '../lib/clock.mjs';

const CHUNK_BYTES = 1024 * 1024;

export async function read({ source, count }) {
  const files = filesIn(source);
  readAll(files);
  const begin = now();
  const bytes = readAll(files);
  return throughput(count, bytes, now() - begin);
}

/** Every regular file below `root`. */
export function filesIn(root) {
  const found = [];
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) found.push(...filesIn(path));
    else if (entry.isFile()) found.push(path);
  }
  return found;
}

/** Brings the files into the page cache; returns their bytes. */
export function readAll(files) {
  const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let bytes = 0;
  for (const path of files) {
    const fd = openSync(path, 'r');
    for (let taken = readSync(fd, chunk); taken > 0; taken = readSync(fd, chunk)) bytes += taken;
    closeSync(fd);
  }
  return bytes;
}

export function logBytesIn(root) {
  return filesIn(root)
    .filter((path) => path.endsWith('.aof'))
    .reduce((sum, path) => sum + statSync(path).size, 0);
}
