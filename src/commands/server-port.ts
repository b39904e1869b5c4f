/**
 * What administrative commands may ask of their host. The server implements all of it; an embedded store answers what it
 * can and refuses the rest with Redis's texts.
 */
export interface ServerPort {
  readonly config: ConfigPort;
  readonly persistence: PersistencePort;
  readonly clients: ClientsPort;
  readonly latency: LatencyPort;
  readonly commands: CommandTablePort;
  /** INFO's text for these section names (lower case; 'default', 'all', 'everything' included). */
  info(sections: readonly string[]): string;
  resetStatistics(): void;
  /** Rejects with CommandError when the shutdown is refused; otherwise the process or handle ends. */
  shutdown(mode: { save: boolean | null; now: boolean; force: boolean; abort: boolean }): Promise<void>;
  /** Constant-time; null: no such user or wrong password. */
  authenticate(user: string, password: Buffer): boolean;
  readonly isPasswordRequired: boolean;
  setActiveExpire(on: boolean): void;
  /** Resolves after this time: WAIT and WAITAOF for replicas that do not exist. */
  delay(ms: number): Promise<void>;
  /** DEBUG SLEEP: holds up the whole event loop. */
  blockFor(ms: number): void;
  /** Unix time in microseconds, for TIME. */
  unixMicros(): number;
}

/** The command table, for COMMAND. */
export interface CommandTablePort {
  /** Top-level commands, in the table's order. */
  list(): readonly import('./spec.js').CommandSpec[];
  /** By lower-case name; a sub-command is `config|get`. */
  find(name: string): import('./spec.js').CommandSpec | null;
}

export interface ConfigPort {
  /** Name and value of every directive that matches one of the glob patterns. */
  get(patterns: readonly string[]): Array<[name: string, value: string]>;
  /** All or nothing. Throws CommandError with Redis's text. May need to wait (appendonly). */
  set(pairs: ReadonlyArray<readonly [string, string]>): void | Promise<void>;
  /** Throws CommandError: `ERR The server is running without a config file`. */
  rewrite(): void;
  /** Current value as redis.conf would have it; asserts that the directive exists. */
  value(name: string): string;
}

export interface PersistencePort {
  readonly isAofEnabled: boolean;
  /** Resolves to [local, replicas] once the log up to `lsn` is synced, or the time is over (0: never). */
  waitSynced(lsn: number, timeoutMs: number): Promise<[number, number]>;
  /** Whether the log up to `lsn` is synced now. */
  isSynced(lsn: number): boolean;
  /** DEBUG LOADAOF. Rejects with CommandError. */
  reload(): Promise<void>;
  /** BGREWRITEAOF: the reply text. `isInUnit`: inside of EXEC, where it is only scheduled. Throws CommandError. */
  startRewrite(isInUnit: boolean): string;
  /** Unix seconds of the last successful save, for LASTSAVE. */
  readonly lastSaveSeconds: number;
  setFlushSleep(micros: number): void;
}

export interface ClientsPort {
  /** Every connected session. */
  list(): Iterable<import('./session.js').Session>;
  /** Closes a session's connection (after pending replies when it is the caller's). */
  kill(id: number): boolean;
  /** CLIENT UNBLOCK. False when that client is not blocked. */
  unblock(id: number, withError: boolean): boolean;
  /** CLIENT PAUSE: until this monotonic deadline, writes only or all. */
  pause(timeoutMs: number, writesOnly: boolean): void;
  unpause(): void;
  /** A CLIENT LIST / INFO line without newline. */
  describe(session: import('./session.js').Session): string;
}

export interface LatencyEvent {
  readonly name: string;
  readonly lastAtSeconds: number;
  readonly lastMs: number;
  readonly maxMs: number;
}

export interface LatencyPort {
  latest(): LatencyEvent[];
  history(event: string): Array<[seconds: number, ms: number]>;
  /** Number of events reset; no names: all. */
  reset(events: readonly string[]): number;
}
