/** Directories for the trials' files: on a real disk, one per trial, gone afterwards. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';

const MEMORY_FILE_SYSTEMS = new Map([
  [0x01021994, 'tmpfs'],
  [0x858458f6, 'ramfs'],
]);
const KNOWN = new Map([
  [0xef53, 'ext4'],
  [0x58465342, 'xfs'],
  [0x9123683e, 'btrfs'],
  [0x794c7630, 'overlayfs'],
  [0x2fc12fc1, 'zfs'],
  [0x6969, 'nfs'],
]);

export function fileSystemOf(path) {
  const { type } = statfsSync(path);
  return MEMORY_FILE_SYSTEMS.get(type) ?? KNOWN.get(type) ?? `0x${type.toString(16)}`;
}

/** `preferred` when given, else the system's temporary directory, else one inside bench/record: the first on a real disk. */
export function openWorkspace(preferred, fallback) {
  const candidates = preferred ? [preferred] : [tmpdir(), fallback];
  for (const candidate of candidates) {
    mkdirSync(candidate, { recursive: true });
    const fileSystem = fileSystemOf(candidate);
    if ([...MEMORY_FILE_SYSTEMS.values()].includes(fileSystem)) continue;
    const root = mkdtempSync(join(candidate, 'everysec-bench-'));
    return {
      root,
      fileSystem,
      makeDirectory: (name) => mkdtempSync(join(root, `${name}-`)),
      close: () => rmSync(root, { recursive: true, force: true }),
    };
  }
  throw new Error(`no real disk among ${candidates.join(', ')}: figures from a memory file system would say nothing`);
}

/** So much memory is touched before each trial, as far as it is free: more than any trial's file. */
const TOUCHED_BYTES_MAX = 2 ** 31;
const TOUCH = 'for (let left = Number(process.argv[1]); left > 0; left -= 2 ** 28) Buffer.alloc(Math.min(left, 2 ** 28), 1)';

/**
 * The same start for every trial. Dirty pages of earlier trials go to the disk, so that no trial pays for the one before it.
 * Free memory is touched: a virtual machine gives pages that were freed back to its host, and whoever uses them first
 * waits until it has them again (measured: write(2) into the page cache at 0.3 to 3 GB/s by that alone).
 */
export function settle(root) {
  spawnSync('sync', ['-f', root], { stdio: 'ignore' });
  const bytes = Math.min(TOUCHED_BYTES_MAX, Math.trunc(freemem() / 2));
  spawnSync(process.execPath, ['-e', TOUCH, '--', String(bytes)], { stdio: 'ignore' });
}
