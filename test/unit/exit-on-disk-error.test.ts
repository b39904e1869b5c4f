import { describe, expect, it } from 'vitest';
import { lastWords } from '../../src/cli/exit-on-disk-error.js';
import { AofError } from '../../src/errors.js';

const fsync = new AofError('AOF_IO', 'Fail to fsync the AOF file: Input/output error');
const write = new AofError('AOF_IO', 'Error writing to the AOF file: Input/output error');
const full = new AofError('AOF_DISK_FULL', 'Error writing to the AOF file: No space left on device');
const gone = new AofError('AOF_FAILED', 'the directory was removed');

describe('on-disk-error', () => {
  it.each([fsync, write, full, gone])('continue: the server goes on (%s)', (error) => {
    for (const state of ['degraded', 'failed'] as const)
      for (const policy of ['always', 'everysec', 'no'] as const)
        expect(lastWords({ state, error }, 'continue', policy)).toBeNull();
  });

  it("exit under always: Redis's own words", () => {
    expect(lastWords({ state: 'degraded', error: fsync }, 'exit', 'always')).toBe(
      "Can't persist AOF for fsync error when the AOF fsync policy is 'always': Input/output error. Exiting...",
    );
    for (const error of [write, full])
      expect(lastWords({ state: 'degraded', error }, 'exit', 'always')).toBe(
        "Can't recover from AOF write error when the AOF fsync policy is 'always'. Exiting...",
      );
  });

  it.each(['everysec', 'no'] as const)('exit under %s: at an error, not at a full disk', (policy) => {
    expect(lastWords({ state: 'degraded', error: full }, 'exit', policy)).toBeNull();
    for (const error of [fsync, write]) expect(lastWords({ state: 'degraded', error }, 'exit', policy)).toContain(error.message);
    expect(lastWords({ state: 'failed', error: gone }, 'exit', policy)).toContain('AOF_FAILED');
  });
});
