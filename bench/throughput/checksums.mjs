/** P13: what the annotations cost, in time and in bytes. */
import { typical } from '../lib/stats.mjs';
import { limitLine, ratioLine, showBoth } from '../lib/verdict.mjs';

const BACKENDS = ['native', 'fallback'];
const TARGETS = { append: { native: 0.97, fallback: 0.93 }, 'load-store': { native: 0.95, fallback: 0.9 } };
const TIMED = { append: 'append', 'load-store': 'load, into the store', load: 'load, host without data' };
const LONE_BYTES = 48;
const FULL_SHARE = 0.02;
/** 75-byte records that make 16 KiB. */
const COMMANDS_IN_16_KIB = 218;

export const row = {
  id: 'P13',
  title: 'Checksums on, beside checksums off',
  secondsPerRound: 50,
  method:
    'Append as P1 and loading (start to ready of the embedded store; 375 MB), with `aof-checksum` on and off, alternating; and loading for a host that keeps ' +
    'nothing, so that reading, checking and parsing are all there is. Growth: the log after ' +
    'flushes of one SET and of 218 (16 KiB), policy always, minus the RESP bytes in it.',
  async run({ compare, prepareSource, isQuick }) {
    const plain = BACKENDS.flatMap((backend) => [backend, `${backend}-plain`]);
    await compare('append', { measure: 'appendStrings', params: { count: isQuick ? 100_000 : 10_000_000 }, subjects: plain });
    const count = isQuick ? 100_000 : 5_000_000;
    const subjects = [];
    for (const name of plain) {
      const made = await prepareSource(name, { count });
      if (made !== null) subjects.push({ name, params: { source: made.source } });
    }
    await compare('load-store', { measure: 'loadStore', params: { count }, subjects });
    await compare('load', { measure: 'load', params: { count }, subjects });
    const flushes = isQuick ? 20 : 500;
    await compare('growth-lone', { measure: 'growth', params: { flushes, perFlush: 1 }, subjects: BACKENDS, rounds: 1 });
    await compare('growth-16k', {
      measure: 'growth',
      params: { flushes, perFlush: COMMANDS_IN_16_KIB },
      subjects: BACKENDS,
      rounds: 1,
    });
  },
  evaluate(measurements) {
    return [
      ...Object.entries(TIMED).flatMap(([name, what]) =>
        BACKENDS.map((subject) => onOverOff(measurements[name], name, what, subject)),
      ),
      ...BACKENDS.map((subject) => {
        const value = typical(measurements['growth-lone'], subject, 'overheadPerFlush');
        const text = `${value.toFixed(1)} bytes`;
        return limitLine({
          what: 'growth, one SET a flush',
          subject,
          value,
          text,
          target: LONE_BYTES,
          targetText: `${LONE_BYTES} bytes`,
        });
      }),
      ...BACKENDS.map((subject) => {
        const value = typical(measurements['growth-16k'], subject, 'overhead');
        const text = `${(value * 100).toFixed(2)} %`;
        return limitLine({ what: 'growth, 16 KiB a flush', subject, value, text, target: FULL_SHARE, targetText: '2 %' });
      }),
    ];
  },
};

function onOverOff(measurement, name, what, subject) {
  const target = TARGETS[name]?.[subject];
  return ratioLine({
    measurement,
    what,
    subject,
    reference: `${subject}-plain`,
    referenceName: 'checksums off,',
    target,
    show: showBoth,
  });
}
