/** P1: what an application sees that logs JavaScript strings, beside raw bandwidth and beside what it could use instead. */
import { ratioLine, showBoth } from '../lib/verdict.mjs';

const TARGETS = [
  ['write-loop', 'a compiled write(2) loop', { native: 0.4, fallback: 0.2 }],
  ['lmdb', 'lmdb, asynchronous', { native: 5, fallback: 2 }],
  ['write-stream', 'fs.WriteStream', { native: 3 }],
  ['sonic-boom', 'sonic-boom', {}],
  ['classic-level', 'classic-level, batches', {}],
];

export const row = {
  id: 'P1',
  title: 'Appending from JavaScript strings, everysec, to the last byte written',
  secondsPerRound: 70,
  method:
    'SET with keys of 16 and values of 32 characters, taken from a pool of 65,536 pairs made beforehand, one `append` per command, waiting for ' +
    '`drain` whenever `writable` is false. The clock stops when a second reader of the file system sees the last record. The write loop ' +
    'writes the same bytes in 64 KiB calls; fs.WriteStream and sonic-boom get one string per command; lmdb is done when the last put is ' +
    'committed, classic-level when the last batch of 1000 is. Only everysec calls fdatasync meanwhile. sonic-boom logs a tenth of the commands.',
  async run({ compare, isQuick }) {
    const count = isQuick ? 100_000 : 10_000_000;
    const sonic = { name: 'sonic-boom', params: { count: count / 10 } };
    await compare('append', {
      measure: 'appendStrings',
      params: { count },
      subjects: ['write-loop', 'native', 'fallback', 'lmdb', 'write-stream', 'classic-level', sonic],
    });
  },
  evaluate({ append }) {
    return TARGETS.flatMap(([reference, referenceName, targets]) =>
      ['native', 'fallback'].map((subject) =>
        ratioLine({
          measurement: append,
          what: 'append',
          subject,
          reference,
          referenceName,
          target: targets[subject],
          show: showBoth,
        }),
      ),
    );
  },
};
