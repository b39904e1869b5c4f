/** P12: reading a log, every byte validated, nothing applied. */

import { pairedRatio, typical } from '../lib/stats.mjs';
import { line, ratioText, showBandwidth, showBoth } from '../lib/verdict.mjs';

const KINDS = {
  small: { what: '75-byte records', targets: { native: 1.0e9, fallback: 0.5e9 } },
  large: { what: '4 KiB values', targets: { native: 2.0e9, fallback: 1.0e9 } },
};

export const row = {
  id: 'P12',
  title: 'Reading a log, every byte validated, nothing applied',
  secondsPerRound: 15,
  method:
    '`for await (const batch of AppendOnlyFile.read(dir))`: 375 MB of 75-byte records and 410 MB of records with 4 KiB values, checksums on, in the page ' +
    'cache. The reference reads the same files with fs.readSync, 1 MiB a call, and looks at nothing.',
  async run({ compare, prepareSource, isQuick }) {
    const shapes = {
      small: { count: isQuick ? 100_000 : 5_000_000, pool: {} },
      large: { count: isQuick ? 2_000 : 100_000, pool: { size: 1024, valueBytes: 4096 } },
    };
    for (const [kind, shape] of Object.entries(shapes)) {
      const made = (await prepareSource('native', shape)) ?? (await prepareSource('fallback', shape));
      if (made === null) continue;
      await compare(kind, {
        measure: 'read',
        params: { source: made.source, count: shape.count },
        subjects: ['page-cache', 'native', 'fallback'],
      });
    }
  },
  evaluate(measurements) {
    return Object.entries(KINDS).flatMap(([kind, { what, targets }]) => {
      const measurement = measurements[kind];
      if (!measurement) return [];
      return Object.entries(targets).map(([subject, target]) => {
        const value = typical(measurement, subject, 'bytesPerSecond');
        return line({
          what,
          subject,
          figure: showBoth(measurement, subject),
          reference: `page cache ${showBandwidth(measurement, 'page-cache')}`,
          ratio: ratioText(pairedRatio(measurement, subject, 'page-cache', 'bytesPerSecond')),
          target: `>= ${(target / 1e9).toFixed(1)} GB/s`,
          met: Number.isFinite(value) ? value >= target : null,
        });
      });
    });
  },
};
