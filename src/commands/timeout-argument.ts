/** The time-out of a blocking command: seconds with a fraction. */
import type { Argv } from '../resp/argv.js';
import { INT64_MAX } from './arguments.js';
import { CommandError } from './spec.js';
import { isFiniteLongDouble, parseLongDouble } from './string/long-double.js';

/** Milliseconds, rounded up; 0: for ever. What is too big counts as negative, as in Redis, whose integer overflows there. */
export function timeoutArgument(argv: Argv, i: number): number {
  const seconds = parseLongDouble(argv.latin1(i));
  if (seconds === null) throw new CommandError('ERR timeout is not a float or out of range');
  if (!isFiniteLongDouble(seconds)) throw new CommandError(NEGATIVE);
  const thousandfold = seconds.significand * 1000n;
  const { exponent } = seconds;
  const ms = exponent >= 0 ? thousandfold << BigInt(exponent) : -(-thousandfold >> BigInt(-exponent));
  if (ms < 0n || ms > INT64_MAX) throw new CommandError(NEGATIVE);
  return Number(ms);
}

const NEGATIVE = 'ERR timeout is negative';
