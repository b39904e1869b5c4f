/** The read side's suite: what both backends must do, one run for each. The parts are functions that take a factory. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';
import type { CommandReader, CommandReaderOptions } from '../../src/backend/backend.js';
import { readWhole, type WholeRead } from '../support/read-log.js';
import { tempDir } from '../support/temp-dirs.js';
import { blockReadingTests } from './reader-blocks-suite.js';
import { hostileReadingTests } from './reader-hostile-suite.js';
import { readerLifecycleTests } from './reader-lifecycle-suite.js';
import { plainReadingTests } from './reader-plain-suite.js';
import { tornReadingTests } from './reader-torn-suite.js';
import { unitReadingTests } from './reader-units-suite.js';
import { vectorTests } from './reader-vectors-suite.js';

export interface ReaderFactory {
  readonly name: string;
  makeReader(options: CommandReaderOptions): CommandReader;
}

/** A factory with a file to read from. */
export interface ReaderRig extends ReaderFactory {
  /** Writes the bytes to a file. */
  file(bytes: Uint8Array): string;
  /** Reads these bytes as a file; checks every batch on the way. */
  read(bytes: Uint8Array, options?: Partial<CommandReaderOptions>): Promise<WholeRead>;
}

export function readerRig(factory: ReaderFactory): ReaderRig {
  const dir = tempDir(`reader-${factory.name}`);
  const path = join(dir, 'appendonly.aof.1.incr.aof');
  const file = (bytes: Uint8Array): string => {
    writeFileSync(path, bytes);
    return path;
  };
  return {
    name: factory.name,
    makeReader: (options) => factory.makeReader(options),
    file,
    async read(bytes, options = {}) {
      const reader = factory.makeReader({ ...options, path: file(bytes) });
      try {
        return await readWhole(reader);
      } finally {
        await reader.close();
      }
    },
  };
}

export function readerSuite(factory: ReaderFactory): void {
  describe(`command reader, ${factory.name}`, () => {
    const rig = readerRig(factory);
    plainReadingTests(rig);
    blockReadingTests(rig);
    unitReadingTests(rig);
    tornReadingTests(rig);
    hostileReadingTests(rig);
    readerLifecycleTests(rig);
    vectorTests(rig);
  });
}
