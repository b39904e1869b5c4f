/** Cursor and options of SCAN and HSCAN. */
import type { Argv } from '../resp/argv.js';
import { integerArgument, SYNTAX_ERROR } from './arguments.js';
import { CommandError } from './spec.js';

export interface ScanOptions {
  readonly pattern: Buffer | null;
  readonly count: number;
  readonly type: string | null;
}

const DEFAULT_COUNT = 10;

/** What C's strtoul takes: no digits at all are 0, a minus wraps around. What is above the largest table's makes no difference. */
export function parseCursor(argv: Argv, i: number): number {
  const text = argv.latin1(i);
  if (!/^(?:[+-]?[0-9]+)?$/.test(text)) throw new CommandError('ERR invalid cursor');
  const value = BigInt(text.replace(/^[+-]/, ''));
  if (value > 0xffffffffffffffffn) throw new CommandError('ERR invalid cursor');
  return Number((text.startsWith('-') ? -value : value) & 0xffffffffn);
}

/** From argument `first` on; TYPE only where `hasTypes`. */
export function parseScanOptions(argv: Argv, first: number, hasTypes: boolean): ScanOptions {
  let pattern: Buffer | null = null;
  let type: string | null = null;
  let count = DEFAULT_COUNT;
  for (let i = first; i < argv.argc; i += 2) {
    if (i + 1 >= argv.argc) throw new CommandError(SYNTAX_ERROR);
    if (argv.is(i, 'COUNT')) {
      count = integerArgument(argv, i + 1);
      if (count < 1) throw new CommandError(SYNTAX_ERROR);
    } else if (argv.is(i, 'MATCH')) {
      const view = argv.view(i + 1);
      pattern = view.length === 1 && view[0] === 0x2a ? null : view;
    } else if (hasTypes && argv.is(i, 'TYPE')) type = argv.latin1(i + 1).toLowerCase();
    else throw new CommandError(SYNTAX_ERROR);
  }
  return { pattern, count, type };
}
