/** What the command line shows of long work: nothing within the first second, then one line over and over, or a line now and then. */
import { describe, expect, it } from 'vitest';
import { bytesText, progressText, secondsText } from '../../src/cli/progress-format.js';
import { ProgressLine } from '../../src/cli/progress-line.js';

describe('a line of progress', () => {
  it('says bytes, share, rate and time left', () => {
    const loading = { what: 'loading', bytes: 25_000_000, totalBytes: 100_000_000, share: 0.25, elapsedMs: 2000 };
    expect(progressText(loading)).toBe('loading 25.0 MB of 100 MB, 25%, 12.5 MB/s, 6.0 s left');
    const writing = { what: 'writing', bytes: 1_000_000, totalBytes: 0, share: 0.5, elapsedMs: 60_000 };
    expect(progressText(writing)).toBe('writing 1.0 MB, 50%, 16.7 kB/s, 1 min 0 s left');
    expect(progressText({ ...writing, share: 1 })).toBe('writing 1.0 MB, 100%, 16.7 kB/s');
    expect(progressText({ ...writing, bytes: 0, share: 0, elapsedMs: 0 })).toBe('writing 0 B, 0%');
    expect([999, 1000, 99_949, 99_951, 1_500_000_000].map(bytesText)).toEqual(['999 B', '1.0 kB', '99.9 kB', '100 kB', '1.5 GB']);
    expect([0.04, 59.4, 3600].map(secondsText)).toEqual(['0.0 s', '59 s', '60 min 0 s']);
  });

  function watched(isTTY: boolean) {
    const written: string[] = [];
    let now = 5000;
    const at = { what: 'loading', bytes: 0, totalBytes: 100, share: 0 };
    const line = new ProgressLine({
      prefix: 'p: ',
      out: { isTTY, write: (text) => written.push(text) },
      nowMs: () => now,
      look: () => ({ ...at }),
    });
    const step = (ms: number, bytes: number, what = 'loading') => {
      now += ms;
      Object.assign(at, { what, bytes, share: bytes / 100 });
      line.look();
    };
    return { line, written, step };
  }

  it('on a terminal is written over four times a second after the first one, and taken away at the end', () => {
    const { line, written, step } = watched(true);
    step(0, 0);
    step(999, 10);
    expect(written).toEqual([]);
    step(1, 20);
    step(100, 30);
    step(150, 40);
    expect(written).toEqual([
      '\r\x1b[Kp: loading 20 B of 100 B, 20%, 20 B/s, 4.0 s left',
      '\r\x1b[Kp: loading 40 B of 100 B, 40%, 32 B/s, 1.9 s left',
    ]);
    line.stop();
    line.stop();
    expect(written.slice(2)).toEqual(['\r\x1b[K']);
  });

  it('elsewhere is a plain line now and then, with a rate of its own for each kind of work', () => {
    const { line, written, step } = watched(false);
    step(0, 0);
    step(1000, 20);
    step(5000, 30);
    step(1000, 10, 'writing');
    step(4000, 50, 'writing');
    line.stop();
    expect(written).toEqual([
      'p: loading 20 B of 100 B, 20%, 20 B/s, 4.0 s left\n',
      'p: writing 50 B of 100 B, 50%, 13 B/s, 4.0 s left\n',
    ]);
  });
});
