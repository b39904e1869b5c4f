/**
 * All commands by name. Look-up takes the name's bytes as they came and makes no string; ASCII case does not matter.
 */
import type { Argv } from '../resp/argv.js';
import type { CommandSpec } from './spec.js';

/** A command with what dispatch asks for on every call already worked out. */
export interface Command {
  readonly spec: CommandSpec;
  /** Changes data (flag `write`): refused while the log takes nothing. */
  readonly isWrite: boolean;
  /** May run while the dataset is being loaded. */
  readonly isAllowedLoading: boolean;
  /** May run without authentication. */
  readonly isAllowedUnauthenticated: boolean;
  readonly isForbiddenInMulti: boolean;
  /** What it deletes on the way (expired keys) is logged one by one, not as one unit. */
  readonly touchesArbitraryKeys: boolean;
  readonly showsData: boolean;
  /** Takes no noticeable time, and looks at nothing but the keyspace: others of a batch may share its clock and its append. */
  readonly isBrief: boolean;
  /** Runs at once between MULTI and EXEC instead of being queued. */
  readonly isTransactionControl: boolean;
  /** By lower-case name without the container's; null for a plain command. */
  readonly subcommands: ReadonlyMap<string, Command> | null;
}

const TRANSACTION_CONTROL = new Set(['multi', 'exec', 'discard', 'watch', 'quit', 'reset']);

export class CommandTable {
  private readonly byName = new Map<string, Command>();
  /** Open addressing: a slot holds a command or null; the size is a power of two, at most a quarter full. */
  private readonly slots: (Command | null)[];
  private readonly mask: number;

  constructor(families: readonly (readonly CommandSpec[])[]) {
    for (const spec of families.flat()) {
      if (this.byName.has(spec.name)) throw new TypeError(`command ${spec.name} is there twice`);
      this.byName.set(spec.name, describe(spec));
    }
    const size = 2 ** Math.ceil(Math.log2(this.byName.size * 4 + 1));
    this.mask = size - 1;
    this.slots = new Array(size).fill(null);
    for (const [name, command] of this.byName) {
      const bytes = Buffer.from(name, 'latin1');
      let slot = hashName(bytes, 0, bytes.length) & this.mask;
      while (this.slots[slot] !== null) slot = (slot + 1) & this.mask;
      this.slots[slot] = command;
    }
  }

  /** Every command that is no sub-command, in the order of the families. */
  all(): CommandSpec[] {
    return [...this.byName.values()].map((command) => command.spec);
  }

  /** `get`, `config`, or a sub-command's full name `config|get`; lower case. */
  byFullName(name: string): Command | null {
    const [first = '', second] = name.split('|');
    const command = this.byName.get(first) ?? null;
    return second === undefined ? command : (command?.subcommands?.get(second) ?? null);
  }

  /** By argument i only: a container, not its sub-command. */
  findName(argv: Argv, i: number): Command | null {
    const { bytes } = argv;
    const start = argv.start(i);
    const end = argv.end(i);
    for (let slot = hashName(bytes, start, end) & this.mask; ; slot = (slot + 1) & this.mask) {
      const command = this.slots[slot] as Command | null;
      if (command === null || isName(bytes, start, end, command.spec.name)) return command;
    }
  }

  /** By argument i and, for a container with another argument behind it, that one. null: unknown, as a whole or as a sub-command. */
  find(argv: Argv, i = 0): Command | null {
    const command = this.findName(argv, i);
    if (command === null || command.subcommands === null || argv.argc <= i + 1) return command;
    return command.subcommands.get(argv.latin1(i + 1).toLowerCase()) ?? null;
  }
}

export function buildCommandTable(families: readonly (readonly CommandSpec[])[]): CommandTable {
  return new CommandTable(families);
}

/** Redis's rule: positive exact, negative at least. */
export function isArityRight(spec: CommandSpec, argc: number): boolean {
  return spec.arity >= 0 ? argc === spec.arity : argc >= -spec.arity;
}

function describe(spec: CommandSpec): Command {
  const has = (flag: CommandSpec['flags'][number]) => spec.flags.includes(flag);
  const subcommands = spec.subcommands?.map((sub): [string, Command] => [
    sub.name.slice(sub.name.indexOf('|') + 1),
    describe(sub),
  ]);
  return {
    spec,
    isWrite: has('write'),
    isAllowedLoading: has('loading'),
    isAllowedUnauthenticated: has('no_auth'),
    isForbiddenInMulti: has('no_multi'),
    touchesArbitraryKeys: has('touches_arbitrary_keys'),
    showsData: spec.showsNoData !== true,
    isBrief: has('fast') || (spec.categories.includes('@string') && spec.keys?.last === 1),
    isTransactionControl: TRANSACTION_CONTROL.has(spec.name),
    subcommands: subcommands === undefined ? null : new Map(subcommands),
  };
}

function hashName(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + ((bytes[i] as number) | 32)) | 0;
  return hash ^ (hash >>> 15);
}

function isName(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let i = start, j = 0; i < end; i++, j++) {
    const c = bytes[i] as number;
    if ((c >= 65 && c <= 90 ? c + 32 : c) !== lower.charCodeAt(j)) return false;
  }
  return true;
}
