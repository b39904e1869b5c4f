/**
 * The smallest host: it remembers which commands the log gave it, in order. Opens the engine through its public door, from the
 * compiled package.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { BackendChoice, FsyncPolicy } from './everysec-server.js';
import './quiet-engine-log.js';

const load = createRequire(join(process.cwd(), 'package.json'));

export interface LogOptions {
  readonly dir: string;
  readonly backend: BackendChoice;
  readonly appendfsync?: FsyncPolicy;
  readonly aofChecksum?: boolean;
  readonly aofLoadTruncated?: boolean;
}

export type OpenLog = Awaited<ReturnType<typeof openLog>>;

/** `commands`: what was loaded, as text, MULTI and SELECT left out. */
export async function openLog(options: LogOptions) {
  const { AppendOnlyFile } = load('./dist/cjs/aof.js') as typeof import('../../src/aof.js');
  const commands: string[] = [];
  const aof = await AppendOnlyFile.open({
    ...options,
    host: {
      apply(_db: number, argv: readonly Buffer[]) {
        commands.push(argv.map((arg) => arg.latin1Slice()).join(' '));
      },
    },
  });
  return { aof, commands };
}

/** The typed error that opening ends with, or null when it succeeds (and is closed again). */
export async function refusalOf(
  options: LogOptions,
): Promise<{ code: string; path?: string; offset?: number; message: string } | null> {
  try {
    const { aof } = await openLog(options);
    await aof.close();
    return null;
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
      return error as Error & { code: string; path?: string; offset?: number };
    }
    throw error;
  }
}
