/** redis-server over one AOF directory after the other: the same process each time, which DEBUG LOADAOF makes load anew. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RealRedis } from './redis-server.js';
import type { RespClient } from './resp-client.js';

export class RedisLoader {
  private constructor(
    private readonly redis: RealRedis,
    private readonly client: RespClient,
    private readonly dir: string,
  ) {}

  static async start(): Promise<RedisLoader> {
    const dir = mkdtempSync(join(tmpdir(), 'rewrite-redis-'));
    const args = ['--appendonly', 'yes', '--aof-use-rdb-preamble', 'no', '--appendfsync', 'no'];
    const redis = await RealRedis.start(args, dir);
    return new RedisLoader(redis, await redis.connect(), dir);
  }

  /** DEBUG DIGEST of what it finds in the directory that `put` makes. */
  async digestOf(put: (to: string) => void): Promise<string> {
    const directory = join(this.dir, 'appendonlydir');
    rmSync(directory, { recursive: true });
    put(directory);
    await this.client.ok('DEBUG', 'LOADAOF');
    return String(await this.client.ok('DEBUG', 'DIGEST'));
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.redis.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}
