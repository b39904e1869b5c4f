/** The addon's backend for suites that run over both, or null with one line that says why it is not there. */
import type { Backend } from '../../src/backend/backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { createNativeBackend } from '../../src/backend/native/native-backend.js';

export interface NativeFactory {
  readonly name: 'native';
  makeBackend(): Backend;
}

/** Throws where EVERYSEC_REQUIRE_NATIVE=1 and the addon does not load. */
export function nativeFactory(): NativeFactory | null {
  if (process.env['EVERYSEC_BACKEND'] === 'fallback') {
    console.log('skipped: the native backend, because EVERYSEC_BACKEND=fallback');
    return null;
  }
  try {
    createNativeBackend();
  } catch (error) {
    if (process.env['EVERYSEC_REQUIRE_NATIVE'] === '1') throw error;
    console.log(`skipped: the native backend, because ${error instanceof Error ? error.message : error}`);
    return null;
  }
  return { name: 'native', makeBackend: () => guardBackend(createNativeBackend()) };
}
