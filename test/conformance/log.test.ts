/** The write side's suite over each backend that is here. EVERYSEC_REQUIRE_NATIVE=1: the addon has to be. */

import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { nativeFactory } from '../support/native-factory.js';
import { logSuite } from './log-suite.js';

logSuite({ name: 'fallback', makeBackend: () => guardBackend(createFallbackBackend(createNodeEnv())) });

const native = nativeFactory();
if (native !== null) logSuite(native);
