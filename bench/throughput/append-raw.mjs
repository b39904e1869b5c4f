/** P2: bytes that are RESP already (a command from a socket), validated and copied, one call per command. */
import { ratioLine, showBoth } from '../lib/verdict.mjs';

export const row = {
  id: 'P2',
  title: 'Appending RESP bytes with appendRaw, one call per command',
  secondsPerRound: 15,
  method: 'The records of P1 as bytes: `appendRaw(0, bytes, start, end)` per command, each one validated. Otherwise as P1.',
  async run({ compare, isQuick }) {
    await compare('append', {
      measure: 'appendRaw',
      params: { count: isQuick ? 100_000 : 10_000_000 },
      subjects: ['write-loop', 'native', 'fallback'],
    });
  },
  evaluate({ append }) {
    const targets = { native: 0.8, fallback: 0.6 };
    return Object.entries(targets).map(([subject, target]) =>
      ratioLine({
        measurement: append,
        what: 'appendRaw',
        subject,
        reference: 'write-loop',
        referenceName: 'a compiled write(2) loop',
        target,
        show: showBoth,
      }),
    );
  },
};
