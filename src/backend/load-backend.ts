/**
 * Chooses the backend. The addon is never required: where it is missing or refuses to load, the TypeScript backend runs and
 * says why. Both are loaded on demand, so that a process holds the code of one.
 */
import type { Env } from '../env/env.js';
import { AofError } from '../errors.js';
import type { Backend } from './backend.js';
import { guardBackend } from './guarded-backend.js';

/** `auto`: native where it loads. The name in the option `backend` and in EVERYSEC_BACKEND. */
export type BackendChoice = 'auto' | 'native' | 'fallback';

/** Rejects with AOF_UNSUPPORTED when `native` is wanted and cannot be had. */
export async function loadBackend(env: Env, want: BackendChoice): Promise<Backend> {
  if (want === 'fallback') return loadFallback(env, 'the TypeScript backend was chosen');
  try {
    const { createNativeBackend } = await import('./native/native-backend.js');
    return guardBackend(createNativeBackend(want === 'native' ? 'the addon was chosen' : 'the addon loads on this platform'));
  } catch (error) {
    const why = `the addon does not load: ${firstLine(error)}`;
    if (want === 'native') throw new AofError('AOF_UNSUPPORTED', `backend native is wanted, but ${why}`, { cause: error });
    return loadFallback(env, why);
  }
}

async function loadFallback(env: Env, reason: string): Promise<Backend> {
  const { createFallbackBackend } = await import('./fallback/fallback-backend.js');
  return guardBackend(createFallbackBackend(env, reason));
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}
