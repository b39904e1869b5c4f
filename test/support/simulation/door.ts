/** What runs above an engine in a simulation: a host of its own (engine-door.ts), or the real store (store-door.ts). */
import type { Backend } from '../../../src/backend/backend.js';
import type { Config } from '../../../src/config/config.js';
import type { Engine } from '../../../src/engine.js';
import type { Env } from '../../../src/env/env.js';
import type { Random } from '../seeded-random.js';
import type { LoggedCommand } from './recording-backend.js';

/** The data as the log describes it: one command after the other. */
export interface LogModel {
  apply(command: LoggedCommand): void;
  /** Equal for equal data. */
  digest(): string;
}

export interface DoorOptions {
  readonly env: Env;
  readonly backend: Backend;
  readonly config: Config;
  readonly random: Random;
  /** A snapshot for a new base is being taken: this is the data. */
  readonly onSnapshot: () => void;
  /** Everything on disk has been loaded; nothing has changed since. */
  readonly onLoaded: (lsn: number) => void;
}

export interface Door {
  readonly engine: Engine;
  open(): Promise<void>;
  close(): Promise<void>;
  /** One write, unit or read of whatever kind; what it was. */
  act(): string;
  /** One unit that is longer than a block. */
  actBig(): string;
  configSet(name: string, value: string): Promise<void>;
  /** The data that is held now. */
  digest(): string;
  /** A model that holds what is held now. */
  model(): LogModel;
}

export type MakeDoor = (options: DoorOptions) => Door;
