/** The write side's suite: what both backends must do, one run for each. The parts are functions that take a factory. */
import { describe } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { blockTests } from './log-blocks-suite.js';
import { encodingTests } from './log-encoding-suite.js';
import { fileTests } from './log-files-suite.js';
import { flushTests } from './log-flush-suite.js';

export interface BackendFactory {
  readonly name: string;
  /** Guarded, as the engine uses it. */
  makeBackend(): Backend;
}

export function logSuite(factory: BackendFactory): void {
  describe(`block log, ${factory.name}`, () => {
    encodingTests(factory);
    blockTests(factory);
    flushTests(factory);
    fileTests(factory);
  });
}
