/**
 * A real ext4 on a loop device, and the power cut: the bytes of the device as they stand now, mounted elsewhere, so that the journal is
 * replayed. Whatever sits in the page cache of the first mount is not in there. Root only.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Content, Image } from './image.js';

const IMAGE_BYTES = 24 * 1024 * 1024;

export class LoopMount {
  readonly path: string;
  private readonly device: string;

  private constructor(private readonly scratch: string) {
    this.path = join(scratch, 'live');
    this.device = join(scratch, 'device');
  }

  /** A sentence instead, where this machine does not let us mount. Throws where it should, and it fails. */
  static open(): LoopMount | string {
    if (process.getuid?.() !== 0) return 'a file system can be mounted by root only';
    const mount = new LoopMount(mkdtempSync('/dev/shm/everysec-model-'));
    try {
      mkdirSync(mount.path);
      run('truncate', '-s', `${IMAGE_BYTES}`, mount.device);
      run('mkfs.ext4', '-q', '-F', '-b', '4096', mount.device);
      // The journal is not committed by itself meanwhile, nor are pages written back early.
      run('mount', '-o', 'loop,commit=300', mount.device, mount.path);
      return mount;
    } catch (error) {
      mount.close();
      const reason = error instanceof Error ? error.message : String(error);
      if (!/permission denied|not permitted|superuser|no such device|failed to setup loop/i.test(reason)) throw error;
      return reason;
    }
  }

  /** What a power loss at this moment leaves, below `/`; `lost+found` left out. */
  cut(): Image {
    const copy = join(this.scratch, 'copy');
    this.copyStill(copy);
    const at = join(this.scratch, 'cut');
    mkdirSync(at, { recursive: true });
    run('mount', '-o', 'loop', copy, at);
    try {
      return new Image(readTree(at));
    } finally {
      run('umount', at);
    }
  }

  close(): void {
    spawnSync('umount', [this.path]);
    rmSync(this.scratch, { recursive: true, force: true });
  }

  /** The kernel may write while the copy is made: two that are equal were made in quiet. */
  private copyStill(path: string): void {
    for (let tries = 0; tries < 20; tries++) {
      copyFileSync(this.device, path);
      if (readFileSync(this.device).equals(readFileSync(path))) return;
    }
    throw new Error('the device is never still');
  }
}

function readTree(root: string): Map<string, Content | null> {
  const tree = new Map<string, Content | null>();
  const visit = (path: string): void => {
    for (const name of readdirSync(join(root, path))) {
      const inside = `${path}/${name}`;
      if (inside === '/lost+found') continue;
      const isDirectory = statSync(join(root, inside)).isDirectory();
      tree.set(inside, isDirectory ? null : new Content(readFileSync(join(root, inside))));
      if (isDirectory) visit(inside);
    }
  };
  visit('');
  return tree;
}

function run(program: string, ...args: string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr.trim()}`);
}
