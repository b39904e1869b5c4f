/** The log as the suite sees it: commands, copied at the call as the engine copies them, and applied again as the engine applies them. */
import type { Arg } from '../backend/backend.js';
import type { Host } from '../host.js';
import { Argv, fillArgv } from '../resp/argv.js';
import { splitRecords } from '../resp/split-records.js';

/** The part of AppendOnlyFile that a host logs through. */
export interface HostLog {
  append(db: number, ...argv: Arg[]): number;
  unit(db: number, make: (log: (...argv: Arg[]) => void) => void): number;
}

interface LoggedCommand {
  readonly db: number;
  readonly argv: readonly Buffer[];
}

/** What the loader leaves behind in the memory of a command that it has applied. */
const USED_MEMORY = 0xdb;

export class SuiteLog implements HostLog {
  /** Execution units, in order. */
  readonly units: LoggedCommand[][] = [];

  append = (db: number, ...argv: Arg[]): number => this.units.push([logged(db, argv)]);

  /** emitRecords of a snapshot. */
  appendRecords = (db: number, bytes: Uint8Array, start: number, end: number): void => {
    for (const argv of splitRecords(bytes, start, end)) this.append(db, ...argv);
  };

  unit(db: number, make: (log: (...argv: Arg[]) => void) => void): number {
    const commands: LoggedCommand[] = [];
    make((...argv) => void commands.push(logged(db, argv)));
    return commands.length === 0 ? this.units.length : this.units.push(commands);
  }

  /** From this unit on, into a host. */
  applyTo(host: Host, from = 0): void {
    for (const unit of this.units.slice(from)) {
      if (unit.length > 1) host.beginUnit?.();
      for (const command of unit) applyOne(host, command);
      if (unit.length > 1) host.endUnit?.();
    }
  }
}

/** The memory of a command is the loader's: after the call something else stands there. */
function applyOne(host: Host, { db, argv }: LoggedCommand): void {
  const view = fillArgv(new Argv(), argv);
  const answer = host.applyView === undefined ? host.apply(db, view.views()) : host.applyView(db, view);
  view.bytes.fill(USED_MEMORY);
  if (typeof answer === 'string') throw new Error(`apply() answers "${answer}" to ${describe(argv)} in database ${db}`);
}

const OF_THE_LOG = ['SELECT', 'MULTI', 'EXEC', 'DISCARD', 'WATCH'];

function logged(db: number, argv: readonly Arg[]): LoggedCommand {
  if (!Number.isSafeInteger(db) || db < 0) throw new Error(`${String(db)} is no number of a database`);
  if (argv.length === 0) throw new Error('a command has at least its name');
  const copies = argv.map((arg) => {
    if (typeof arg === 'string') return Buffer.from(arg, 'utf8');
    if (typeof arg === 'number') return Buffer.from(String(arg));
    if (arg instanceof Uint8Array) return Buffer.from(arg);
    throw new Error(`an argument is a string, a number or bytes, not ${typeof arg}`);
  });
  const name = String(copies[0]).toUpperCase();
  if (OF_THE_LOG.includes(name)) throw new Error(`${name} is the log's own: name the database in the call, and use unit()`);
  return { db, argv: copies };
}

function describe(argv: readonly Buffer[]): string {
  return argv.map((arg) => JSON.stringify(arg.length > 40 ? `${arg.latin1Slice(0, 40)}...` : arg.latin1Slice())).join(' ');
}
