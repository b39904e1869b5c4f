/**
 * A wall clock for child processes that can be set while they run, through wall-clock.c under them. libfaketime does the same for
 * Node, but redis-server with its allocator does not start under it.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export class WallClock {
  /** For the children. */
  readonly env: NodeJS.ProcessEnv;
  private readonly file: string;

  /** Its files go into `directory`. */
  constructor(directory: string) {
    const library = join(directory, 'wall-clock.so');
    const made = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, join(__dirname, 'wall-clock.c')], {
      encoding: 'utf8',
    });
    if (made.status !== 0) throw new Error(`wall-clock.c does not compile: ${made.error?.message ?? made.stderr}`);
    this.file = join(directory, 'offset');
    writeFileSync(this.file, Buffer.alloc(8));
    this.env = { LD_PRELOAD: library, WALL_CLOCK_OFFSET: this.file };
  }

  /** So many seconds beside the real time. */
  set(seconds: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    const fd = openSync(this.file, 'r+');
    writeSync(fd, bytes, 0, bytes.length, 0);
    closeSync(fd);
  }
}
