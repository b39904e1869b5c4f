/**
 * Before-images that wait for the walk: commands, first in first out, with memory of their own, because the host may change the
 * bytes that it gave.
 */
import type { Arg } from '../backend/backend.js';

/** What a command is counted with besides its arguments' bytes: the objects around it. */
const COMMAND_BYTES = 64;
/** Slots at the head that were taken, before the array is moved up. */
const COMPACT_AT = 1024;

export interface KeptCommand {
  readonly db: number;
  readonly argv: readonly Arg[];
  readonly bytes: number;
}

export class KeptImages {
  #commands: Array<KeptCommand | undefined> = [];
  #head = 0;
  #pendingBytes = 0;
  #keptBytes = 0;

  /** Bytes that wait. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Bytes of everything that ever waited. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  push(db: number, argv: readonly Arg[]): void {
    let bytes = COMMAND_BYTES;
    const own = argv.map((arg) => {
      if (typeof arg === 'number') return arg;
      bytes += typeof arg === 'string' ? Buffer.byteLength(arg) : arg.length;
      return typeof arg === 'string' ? arg : Buffer.from(arg);
    });
    this.#commands.push({ db, argv: own, bytes });
    this.#pendingBytes += bytes;
    this.#keptBytes += bytes;
  }

  shift(): KeptCommand | null {
    const command = this.#commands[this.#head];
    if (command === undefined) return null;
    this.#commands[this.#head++] = undefined;
    this.#pendingBytes -= command.bytes;
    if (this.#head === this.#commands.length || this.#head === COMPACT_AT) {
      this.#commands.splice(0, this.#head);
      this.#head = 0;
    }
    return command;
  }

  clear(): void {
    this.#commands = [];
    this.#head = 0;
    this.#pendingBytes = 0;
  }
}
