/**
 * File systems of a test's own, mounted under a unique name: a small tmpfs that fills up and grows, an ext4 on a loop device that
 * freezes. unmountAll() belongs in afterEach; the exit of the test process unmounts what is left.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './machine.js';

const mounted = new Set<RealDisk>();
process.on('exit', () => unmountAll());

/** Those who have files open there are gone by now. */
export function unmountAll(): void {
  for (const disk of mounted) disk.unmount();
}

export class RealDisk {
  private isFrozen = false;

  private constructor(
    /** Where it is mounted. */
    readonly path: string,
    private readonly image: string | null,
  ) {
    mounted.add(this);
  }

  /** In memory, so large at most. */
  static tmpfs(size: string): RealDisk {
    const path = mkdtempSync(join(tmpdir(), 'everysec-disk-'));
    run('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path);
    return new RealDisk(path, null);
  }

  /** ext4 on a loop device: the only kind that freezes. */
  static ext4(size: string): RealDisk {
    const path = mkdtempSync(join(tmpdir(), 'everysec-disk-'));
    const image = `${path}.image`;
    run('truncate', '-s', size, image);
    run('mkfs.ext4', '-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image);
    run('mount', '-o', 'loop', image, path);
    return new RealDisk(path, image);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  /** tmpfs only. */
  resize(size: string): void {
    run('mount', '-o', `remount,size=${size}`, this.path);
  }

  /** Nobody may have a file open for writing. */
  remount(how: 'ro' | 'rw'): void {
    run('mount', '-o', `remount,${how}`, this.path);
  }

  /** ext4 only: read-only from now on for those who write as well, as after an error of the disk. It stays so until unmounted. */
  abort(): void {
    run('mount', '-o', 'remount,abort', this.path);
  }

  /** Whoever writes waits until thaw(). */
  freeze(): void {
    run('fsfreeze', '-f', this.path);
    this.isFrozen = true;
  }

  thaw(): void {
    if (!this.isFrozen) return;
    this.isFrozen = false;
    run('fsfreeze', '-u', this.path);
  }

  unmount(): void {
    if (!mounted.delete(this)) return;
    if (this.isFrozen) spawnSync('fsfreeze', ['-u', this.path]);
    // Lazily where somebody still holds a file: it must not stay behind.
    if (spawnSync('umount', [this.path]).status !== 0) spawnSync('umount', ['-l', this.path]);
    rmdirSync(this.path);
    if (this.image !== null) rmSync(this.image, { force: true });
  }
}
