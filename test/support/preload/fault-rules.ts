/**
 * The control file of faults.c, from outside: struct control, all of it 32-bit integers. Rules act on the calls of chosen kinds from
 * the first-th to the last-th; up to four count and act side by side, and the first that is due wins.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { constants } from 'node:os';

/** In the order of enum kind. */
export const CALL_KINDS = [
  'write',
  'fdatasync',
  'fsync',
  'dirsync',
  'open',
  'rename',
  'truncate',
  'unlink',
  'link',
  'mkdir',
  'close',
  'read',
] as const;
export type CallKind = (typeof CALL_KINDS)[number];

/** In the order of enum action. */
const ACTIONS = ['pass', 'fail', 'short', 'torn', 'kill before', 'kill after', 'delay'] as const;

export type FaultAction =
  | { readonly do: 'fail'; readonly errno: string }
  /** Bytes; -1: half of them. `torn` kills the process after that many. */
  | { readonly do: 'short' | 'torn'; readonly bytes: number }
  | { readonly do: 'kill before' | 'kill after' }
  | { readonly do: 'delay'; readonly ms: number };

export interface FaultRule {
  readonly kinds: readonly CallKind[];
  /** From 1. */
  readonly first: number;
  /** 0: from the first one on. */
  readonly last: number;
  readonly action: FaultAction;
  /** Only calls whose path has this in it; at most 31 bytes. */
  readonly part?: string;
}

const INT_BYTES = 4;
const RULES = 4;
const RULE_INTS = 16;
const PART_BYTES = 32;
const RULE_FIELDS = { isArmed: 0, matched: 6, fired: 7, part: 8 } as const;
/** struct operation: four counters and the script. */
export const SCRIPT_MAX = 60;
const OPERATION_INTS = 4 + SCRIPT_MAX;
export const OPERATION_FIELDS = { calls: 0, inFlight: 1, isHeld: 2, next: 3, script: 4 } as const;
export const CONTROL_BYTES = (RULES * RULE_INTS + CALL_KINDS.length * OPERATION_INTS) * INT_BYTES;

export class FaultRules {
  constructor(private readonly path: string) {}

  /** Counting begins anew. Slots: 0 to 3. */
  arm(rule: FaultRule, slot = 0): void {
    const { kinds, first, last, action, part = '' } = rule;
    const mask = kinds.reduce((bits, kind) => bits | (1 << CALL_KINDS.indexOf(kind)), 0);
    const filter = Buffer.alloc(PART_BYTES);
    if (filter.write(part) >= PART_BYTES) throw new RangeError(`${part} is too long`);
    this.write(slot * RULE_INTS, Int32Array.of(0, mask, first, last, ACTIONS.indexOf(action.do), argumentOf(action), 0, 0));
    this.write(slot * RULE_INTS + RULE_FIELDS.part, new Int32Array(filter.buffer, filter.byteOffset, PART_BYTES / INT_BYTES));
    this.write(slot * RULE_INTS, Int32Array.of(1));
  }

  disarm(slot = 0): void {
    this.write(slot * RULE_INTS + RULE_FIELDS.isArmed, Int32Array.of(0));
  }

  disarmAll(): void {
    for (let slot = 0; slot < RULES; slot++) this.disarm(slot);
  }

  /** Calls that a rule has acted on since it was armed. */
  fired(slot = 0): number {
    return this.read(slot * RULE_INTS + RULE_FIELDS.fired);
  }

  /** Calls of its kinds since it was armed. */
  matched(slot = 0): number {
    return this.read(slot * RULE_INTS + RULE_FIELDS.matched);
  }

  operation(kind: CallKind, field: number): number {
    return this.read(placeOf(kind, field));
  }

  setOperation(kind: CallKind, field: number, ints: Int32Array): void {
    this.write(placeOf(kind, field), ints);
  }

  private read(place: number): number {
    const int = new Int32Array(1);
    this.with((fd) => readSync(fd, int, 0, INT_BYTES, place * INT_BYTES));
    return int[0] as number;
  }

  private write(place: number, ints: Int32Array): void {
    this.with((fd) => writeSync(fd, ints, 0, ints.byteLength, place * INT_BYTES));
  }

  private with(run: (fd: number) => void): void {
    const fd = openSync(this.path, 'r+');
    run(fd);
    closeSync(fd);
  }
}

export function errnoOf(code: string): number {
  return constants.errno[code as keyof typeof constants.errno];
}

function placeOf(kind: CallKind, field: number): number {
  return RULES * RULE_INTS + CALL_KINDS.indexOf(kind) * OPERATION_INTS + field;
}

function argumentOf(action: FaultAction): number {
  switch (action.do) {
    case 'fail':
      return errnoOf(action.errno);
    case 'short':
    case 'torn':
      return action.bytes;
    case 'delay':
      return action.ms;
    default:
      return 0;
  }
}
