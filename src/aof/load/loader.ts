/**
 * The fake client: reads one file of the log and applies its commands to the host. Each file begins at database 0. MULTI..EXEC is
 * applied only when its EXEC is there, so a torn transaction leaves nothing behind. Reading decides nothing about bad
 * tails: the outcome goes back to the caller.
 */
import type { Backend, CommandBatch, ReadOutcome } from '../../backend/backend.js';
import type { Clock, Timers } from '../../env/env.js';
import { AofError } from '../../errors.js';
import type { Host } from '../../host.js';
import { Argv } from '../../resp/argv.js';

export interface LoaderOptions {
  readonly backend: Backend;
  readonly host: Host;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly path: string;
  readonly name: string;
  /** LSN of the file's first payload byte, for files without annotations. */
  readonly lsn: number;
  /** The manifest's `cut`: stop there. */
  readonly endOffset: number | undefined;
  readonly databases: number;
  /** After each slice of work: file bytes behind us in this file. */
  readonly onProgress: (position: number) => void;
  /** Error replies during replay: logged, loading goes on. */
  readonly onCommandError: (message: string, name: string) => void;
  readonly signal: AbortSignal;
}

/** Work between two turns of the event loop. */
const SLICE_MS = 20;
const LOOK_AT_CLOCK_EVERY = 256;
/** Commands that the host is told of together. */
const FORESEEN_COMMANDS = 32;

export async function loadFile(options: LoaderOptions): Promise<ReadOutcome> {
  const { path, lsn, endOffset } = options;
  const reader = options.backend.openReader({ path, lsn, ...(endOffset === undefined ? {} : { endOffset }) });
  const client = new FakeClient(options);
  try {
    for (;;) {
      if (options.signal.aborted) throw new AofError('AOF_ABORTED', `loading ${path} was aborted`, { path });
      const batch = await reader.next();
      if (batch === null) break;
      await client.applyBatch(batch);
      options.onProgress(reader.position);
    }
    if (reader.outcome === null) throw new AofError('AOF_IO', `no outcome after reading ${path}`, { path });
    return reader.outcome;
  } finally {
    await reader.close();
  }
}

class FakeClient {
  readonly #options: LoaderOptions;
  readonly #view = new Argv();
  #db = 0;
  /** Commands of an open MULTI, with memory of their own; null outside. */
  #queue: Array<{ argv: Argv }> | null = null;
  #sliceEndsAtMs: number;
  #untilLook = LOOK_AT_CLOCK_EVERY;

  constructor(options: LoaderOptions) {
    this.#options = options;
    this.#sliceEndsAtMs = options.clock.monotonicMs() + SLICE_MS;
  }

  async applyBatch(batch: CommandBatch): Promise<void> {
    const { index } = batch;
    const { bytes } = batch;
    const { host } = this.#options;
    let at = 0;
    for (let k = 0; k < batch.count; k++) {
      if (k % FORESEEN_COMMANDS === 0) {
        host.foresee?.(this.#db, bytes, index, at, Math.min(FORESEEN_COMMANDS, batch.count - k));
      }
      const argc = index[at + 3] as number;
      this.#view.point(bytes, index, at + 4, argc, index[at] as number, index[at + 1] as number);
      this.#feed(this.#view);
      at += 4 + 2 * argc;
      if (--this.#untilLook === 0 && this.#isSliceOver()) {
        this.#options.onProgress(batch.fileOffset + (index[at - 1] as number));
        await this.#nextTurn();
        if (this.#options.signal.aborted) {
          throw new AofError('AOF_ABORTED', `loading ${this.#options.path} was aborted`, { path: this.#options.path });
        }
      }
    }
    host.foresee?.(this.#db, bytes, index, at, 0);
    if (this.#isSliceOver()) await this.#nextTurn();
  }

  #feed(argv: Argv): void {
    if (argv.argc === 1 && argv.length(0) <= 7) {
      if (argv.is(0, 'MULTI')) {
        if (this.#queue !== null) this.#report('ERR MULTI calls can not be nested', 'multi');
        else this.#queue = [];
        return;
      }
      if (argv.is(0, 'EXEC')) {
        this.#exec();
        return;
      }
      if (argv.is(0, 'DISCARD')) {
        this.#queue = null;
        return;
      }
    }
    if (this.#queue !== null) this.#queue.push({ argv: argv.clone() });
    else this.#apply(argv);
  }

  #exec(): void {
    const queue = this.#queue;
    this.#queue = null;
    if (queue === null) {
      this.#report('ERR EXEC without MULTI', 'exec');
      return;
    }
    this.#options.host.beginUnit?.();
    try {
      for (const { argv } of queue) this.#apply(argv);
    } finally {
      this.#options.host.endUnit?.();
    }
  }

  #apply(argv: Argv): void {
    if (argv.argc === 2 && argv.is(0, 'SELECT')) {
      this.#select(argv);
      return;
    }
    const { host } = this.#options;
    const error = host.applyView === undefined ? host.apply(this.#db, argv.views()) : host.applyView(this.#db, argv);
    if (typeof error === 'string') this.#report(error, argv.latin1(0));
  }

  #select(argv: Argv): void {
    const text = argv.latin1(1);
    const db = /^(0|[1-9]\d{0,9})$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(db)) this.#report('ERR value is not an integer or out of range', 'select');
    else if (db >= this.#options.databases) this.#report('ERR DB index is out of range', 'select');
    else this.#db = db;
  }

  #report(message: string, command: string): void {
    this.#options.onCommandError(message, command);
  }

  #isSliceOver(): boolean {
    this.#untilLook = LOOK_AT_CLOCK_EVERY;
    return this.#options.clock.monotonicMs() >= this.#sliceEndsAtMs;
  }

  async #nextTurn(): Promise<void> {
    await new Promise<void>((resolve) => this.#options.timers.endOfTurn(resolve));
    this.#sliceEndsAtMs = this.#options.clock.monotonicMs() + SLICE_MS;
  }
}
