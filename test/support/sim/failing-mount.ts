/**
 * A real ext4 whose disk can refuse new blocks: a loop device in a tmpfs of a fixed size. While a filler takes the rest of the tmpfs, blocks
 * that were never written cannot be; journal, inodes and bitmaps have their room from the start. Root only.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  fsyncSync,
  futimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '../temp-dirs.js';

/** Transactions of three blocks and more; the journal has 1024. */
const JOURNAL_ROUND = 500;

export class FailingMount {
  readonly path: string;
  private readonly room: string;

  private constructor(private readonly scratch: string) {
    this.room = join(scratch, 'room');
    this.path = join(scratch, 'live');
  }

  /** A sentence instead, where this machine does not let us mount. Throws where it should, and it fails. */
  static open(): FailingMount | string {
    if (process.getuid?.() !== 0) return 'a file system can be mounted by root only';
    const mount = new FailingMount(mkdtempSync(join(tempDir('failing-disk'), 'mount-')));
    try {
      for (const path of [mount.room, mount.path]) mkdirSync(path);
      run('mount', '-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', mount.room);
      run('truncate', '-s', '24m', mount.device);
      run('mkfs.ext4', '-q', '-F', '-b', '4096', '-E', 'nodiscard,lazy_itable_init=0,lazy_journal_init=0', mount.device);
      run('mount', '-o', 'loop,commit=300', mount.device, mount.path);
      mount.goRoundTheJournal();
      return mount;
    } catch (error) {
      mount.close();
      const reason = error instanceof Error ? error.message : String(error);
      if (!/permission denied|not permitted|superuser|no such device|failed to setup loop/i.test(reason)) throw error;
      return reason;
    }
  }

  private get device(): string {
    return join(this.room, 'device');
  }

  /** From now on no block is written that was not before. */
  refuse(): void {
    run('sh', '-c', `dd if=/dev/zero of=${join(this.room, 'filler')} bs=4096 2>/dev/null; true`);
  }

  heal(): void {
    rmSync(join(this.room, 'filler'));
  }

  /** What a power loss at this moment leaves of a file; null: nothing. */
  afterPowerLoss(name: string): Buffer | null {
    const copy = join(this.scratch, 'copy');
    const at = join(this.scratch, 'cut');
    copyFileSync(this.device, copy);
    mkdirSync(at, { recursive: true });
    run('mount', '-o', 'loop', copy, at);
    try {
      return readFileSync(join(at, name));
    } catch {
      return null;
    } finally {
      run('umount', at);
    }
  }

  /** mkfs leaves a journal of zeros as a hole: each of its blocks has to be written once, or the refusing disk ends the file system. */
  private goRoundTheJournal(): void {
    const fd = openSync(this.path, 'r');
    for (let i = 0; i < JOURNAL_ROUND; i++) {
      futimesSync(fd, i, i);
      fsyncSync(fd);
    }
    closeSync(fd);
  }

  /** On return durable. */
  put(name: string, bytes: Buffer): void {
    writeFileSync(join(this.path, name), bytes);
    run('sync', '-f', this.path);
  }

  close(): void {
    for (const path of [this.path, this.room]) spawnSync('umount', [path]);
    rmSync(this.scratch, { recursive: true, force: true });
  }
}

function run(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr.trim()}`);
}
