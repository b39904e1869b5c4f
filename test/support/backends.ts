/** Both backends for suites of behaviour that go through the public doors: names to pass as the option `backend`. */
import { nativeFactory } from './native-factory.js';

export const backendNames: ReadonlyArray<'native' | 'fallback'> =
  nativeFactory() === null ? ['fallback'] : ['native', 'fallback'];
