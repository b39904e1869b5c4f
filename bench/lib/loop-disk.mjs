/**
 * A disk of one's own: an ext4 on a loop device, or a tmpfs, mounted in the trial's directory. It can be frozen, and it can be
 * slowed down by the kernel's own throttle. Needs root and the right to mount; a row goes on without it.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Unavailable } from './unavailable.mjs';

const run = promisify(execFile);

/** Of cgroup v1, whose root group has it too: it holds back whatever is written to the device, by whomever, also by the kernel's flusher. */
const THROTTLE = '/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device';

export async function makeDisk(dir, { onTmpfs = false, gibibytes = 1 } = {}) {
  const at = join(dir, 'disk');
  mkdirSync(at);
  try {
    if (onTmpfs) await run('mount', ['-t', 'tmpfs', '-o', `size=${gibibytes}g`, 'tmpfs', at]);
    else {
      const image = join(dir, 'image');
      await run('truncate', ['-s', `${gibibytes}G`, image]);
      await run('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=0,lazy_journal_init=0', image]);
      await run('mount', ['-o', 'loop', image, at]);
    }
  } catch (error) {
    throw new Unavailable(`a disk of its own cannot be mounted here: ${String(error.stderr ?? error.message).trim()}`);
  }
  let isFrozen = false;
  let isSlow = false;
  const setRate = (bytesPerSecond) => writeFileSync(THROTTLE, `${deviceOf(at)} ${bytesPerSecond}`);
  const thaw = async () => {
    if (isFrozen) await run('fsfreeze', ['-u', at]);
    isFrozen = false;
  };
  return {
    path: at,
    freeze: async () => {
      if (onTmpfs) return;
      await run('fsfreeze', ['-f', at]);
      isFrozen = true;
    },
    thaw,
    /** So many bytes a second are written from now on, reading is as fast as ever. */
    slowDown: (bytesPerSecond) => {
      if (!existsSync(THROTTLE)) throw new Unavailable('a disk cannot be throttled here: no blkio controller of cgroup v1');
      setRate(bytesPerSecond);
      isSlow = true;
    },
    remove: async () => {
      await thaw();
      if (isSlow) setRate(0);
      // Lazily: a server that was killed may take a moment to let go.
      await run('umount', ['-l', at]);
    },
  };
}

/** `major:minor` of the device that holds `path`, as Linux packs them into a number. */
function deviceOf(path) {
  const { dev } = statSync(path);
  return `${(dev >>> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`;
}
