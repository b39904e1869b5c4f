/** Which data directory a path on the command line means: the directory itself, its AOF directory, or the manifest in it. */
import { basename, dirname, join, resolve } from 'node:path';
import type { Env } from '../env/env.js';
import { AofError, errnoCode, toAofError } from '../errors.js';

export interface DatasetNames {
  readonly dir: string;
  readonly appenddirname: string;
  readonly appendfilename: string;
}

const MANIFEST = '.manifest';

/** Rejects with AOF_IO where there is no log, so that none is made. */
export async function findDataset(env: Env, from: string, names: Omit<DatasetNames, 'dir'>): Promise<DatasetNames> {
  const path = resolve(from);
  const kind = await kindOf(env, path);
  if (kind === 'none') throw new AofError('AOF_IO', `${from} does not exist`, { path });
  const { appenddirname, appendfilename } = names;
  if (kind === 'file') {
    if (!path.endsWith(MANIFEST)) throw new AofError('AOF_IO', `${from} is neither a directory nor a manifest`, { path });
    return inAofDirectory(dirname(path), basename(path).slice(0, -MANIFEST.length));
  }
  const manifest = `${appendfilename}${MANIFEST}`;
  if ((await kindOf(env, join(path, appenddirname, manifest))) === 'file') return { dir: path, ...names };
  if ((await kindOf(env, join(path, manifest))) === 'file') return inAofDirectory(path, appendfilename);
  // The one file of old: opening upgrades it.
  if ((await kindOf(env, join(path, appendfilename))) === 'file') return { dir: path, ...names };
  const message = `${from} holds no ${join(appenddirname, manifest)}, no ${manifest} and no ${appendfilename}`;
  throw new AofError('AOF_IO', message, { path });
}

function inAofDirectory(directory: string, appendfilename: string): DatasetNames {
  return { dir: dirname(directory), appenddirname: basename(directory), appendfilename };
}

async function kindOf(env: Env, path: string): Promise<'file' | 'directory' | 'none'> {
  try {
    const stat = await env.files.stat(path);
    return stat.isFile ? 'file' : stat.isDirectory ? 'directory' : 'none';
  } catch (error) {
    if (errnoCode(error) === 'ENOENT' || errnoCode(error) === 'ENOTDIR') return 'none';
    throw toAofError(error, 'looking at', path);
  }
}
