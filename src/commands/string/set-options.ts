/** The options of SET and GETEX. */
import type { Argv } from '../../resp/argv.js';
import { SYNTAX_ERROR } from '../arguments.js';
import { type ExpiryUnit, expiryUnits } from '../expiry/deadline.js';
import { CommandError } from '../spec.js';

export interface StringOptions {
  nx: boolean;
  xx: boolean;
  get: boolean;
  keepTtl: boolean;
  persist: boolean;
  /** The unit of the expiry argument at `expiryAt`; null: no expiry option. */
  expiry: ExpiryUnit | null;
  expiryAt: number;
}

/** Parses from argument `first` on. An option that the command does not have, or that clashes with another, is a syntax error. */
export function parseStringOptions(argv: Argv, first: number, command: 'set' | 'getex'): StringOptions {
  const options: StringOptions = { nx: false, xx: false, get: false, keepTtl: false, persist: false, expiry: null, expiryAt: 0 };
  const isSet = command === 'set';
  for (let i = first; i < argv.argc; i++) {
    const unit = expiryUnit(argv, i);
    if (isSet && argv.is(i, 'NX') && !options.xx) options.nx = true;
    else if (isSet && argv.is(i, 'XX') && !options.nx) options.xx = true;
    else if (isSet && argv.is(i, 'GET')) options.get = true;
    else if (isSet && argv.is(i, 'KEEPTTL') && options.expiry === null) options.keepTtl = true;
    else if (!isSet && argv.is(i, 'PERSIST') && options.expiry === null) options.persist = true;
    else if (unit !== null && i + 1 < argv.argc && mayExpire(options, unit)) {
      options.expiry = unit;
      options.expiryAt = ++i;
    } else throw new CommandError(SYNTAX_ERROR);
  }
  return options;
}

function expiryUnit(argv: Argv, i: number): ExpiryUnit | null {
  if (argv.is(i, 'EX')) return expiryUnits.EX;
  if (argv.is(i, 'PX')) return expiryUnits.PX;
  if (argv.is(i, 'EXAT')) return expiryUnits.EXAT;
  return argv.is(i, 'PXAT') ? expiryUnits.PXAT : null;
}

/** The same expiry option may be repeated (the last one counts); two different ones may not. */
function mayExpire(options: StringOptions, unit: ExpiryUnit): boolean {
  return !options.keepTtl && !options.persist && (options.expiry === null || options.expiry === unit);
}
