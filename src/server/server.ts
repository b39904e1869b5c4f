/**
 * The Redis protocol in front of a store: composition of listener, connections, turn, gate and statistics, and what
 * administrative commands see of all that (ServerPort). Listening and loading are independent: clients that come while the
 * store loads are told so by the store.
 */
import type { ConfigPort, LatencyPort, PersistencePort, ServerPort } from '../commands/server-port.js';
import { CommandError } from '../commands/spec.js';
import type { Env } from '../env/env.js';
import { LatencyMonitor } from '../store/latency-monitor.js';
import { ChunkPool } from './chunk-pool.js';
import { ClientSession } from './client-session.js';
import { Clients } from './clients.js';
import type { ParserLimits } from './command-parser.js';
import { Connection, type ConnectionHost, type HoldBackMode } from './connection.js';
import { PROTECTED_MODE, TOO_MANY_CLIENTS } from './denied.js';
import { type InfoSources, infoText } from './info.js';
import { ServerLimits } from './limits.js';
import { type Arrival, Listener } from './listener.js';
import { isSamePassword } from './password.js';
import type { StorePort } from './ports.js';
import { ReplyGate } from './reply-gate.js';
import type { OutputLimit } from './reply-stream.js';
import { readServerSettings, type ServerSettings } from './server-settings.js';
import { Statistics } from './statistics.js';
import { Turn } from './turn.js';

export interface ServerOptions {
  readonly store: StorePort;
  readonly config: ConfigPort;
  readonly env: Pick<Env, 'clock' | 'timers' | 'logger' | 'randomHex'>;
  /** The engine records its spikes here too. Default: one of our own. */
  readonly latency?: LatencyMonitor;
  /** For INFO. */
  readonly version?: string;
  readonly configFile?: string;
  /** After SHUTDOWN has closed everything: the bundled server ends its process. */
  readonly onShutdown?: () => void;
}

const CRON_MS = 100;
const CRON_TICKS_PER_SECOND = 10;

export class Server implements ConnectionHost, ServerPort {
  readonly store: StorePort;
  readonly turn: Turn;
  readonly gate = new ReplyGate();
  readonly pool = new ChunkPool();
  readonly keyRanges = new Int32Array(2 * ServerLimits.keysForeseenMax);
  readonly readBuffer = Buffer.allocUnsafeSlow(ServerLimits.readBytes);
  readonly statistics = new Statistics();
  readonly clients: Clients;
  readonly latencyMonitor: LatencyMonitor;
  readonly config: ConfigPort;
  coarseMs: number;
  coarseUnixMs: number;

  private readonly env: ServerOptions['env'];
  private settings: ServerSettings;
  private readonly listener: Listener;
  private readonly infoSources: InfoSources;
  private readonly onShutdown: () => void;
  private readonly cron: { cancel(): void };
  private cronTick = 0;
  private nextId = 1;
  private closing: Promise<void> | null = null;

  constructor(options: ServerOptions) {
    this.store = options.store;
    this.env = options.env;
    this.onShutdown = options.onShutdown ?? (() => {});
    this.latencyMonitor = options.latency ?? new LatencyMonitor();
    this.config = this.watched(options.config);
    this.settings = readServerSettings(options.config);
    this.latencyMonitor.thresholdMs = this.settings.latencyThresholdMs;
    const { clock, timers } = options.env;
    this.coarseMs = clock.monotonicMs();
    this.coarseUnixMs = clock.unixMs();
    this.clients = new Clients(this.store, clock);
    this.turn = new Turn(this.store, this.gate, timers, () => this.refreshHoldBack());
    this.listener = new Listener(
      (arrival) => this.arrive(arrival),
      (level, message) => this.env.logger.log(level, message),
    );
    this.infoSources = {
      store: this.store,
      config: this.config,
      clients: this.clients,
      statistics: this.statistics,
      version: options.version ?? '0.0.0',
      runId: options.env.randomHex(20),
      startedUnixMs: this.coarseUnixMs,
      configFile: options.configFile ?? '',
      port: () => this.port,
      unixMs: () => clock.unixMs(),
    };
    this.cron = timers.every(CRON_MS, () => this.onCron());
    this.store.onProgress(() => this.onProgress());
    this.store.attach(this);
  }

  // ----------------------------------------------------------------------------------------------------- lifecycle

  /** Resolves when every configured address is listened on. Rejects with nothing left open. */
  async listen(): Promise<void> {
    await this.listener.open(this.settings);
  }

  /** The TCP port in use, also when any was asked for; 0 without TCP. */
  get port(): number {
    return this.listener.port;
  }

  /**
   * No new clients, replies under way get a last chance, then everything is flushed, synced and closed. Rejects when the log
   * could not be closed cleanly; everything is released all the same. May be called more than once.
   */
  close(): Promise<void> {
    this.closing ??= this.closeAll();
    return this.closing;
  }

  private async closeAll(): Promise<void> {
    this.listener.close();
    this.store.endOfTurn();
    try {
      await this.store.close();
    } finally {
      this.turn.openGate();
      this.cron.cancel();
      for (const connection of [...this.clients.all()]) connection.close('after replies');
      // The turn in which they say good-bye.
      await new Promise<void>((resolve) => this.env.timers.endOfTurn(() => this.env.timers.endOfTurn(resolve)));
      for (const connection of [...this.clients.all()]) connection.close('now');
    }
  }

  // ------------------------------------------------------------------------------------------------- ConnectionHost

  get parserLimits(): ParserLimits {
    return this.settings.parser;
  }

  get outputLimit(): OutputLimit {
    return this.settings.output;
  }

  get holdBack(): HoldBackMode {
    return this.clients.holdBack;
  }

  preciseMs(): number {
    return this.env.clock.monotonicMs();
  }

  get isTimed(): boolean {
    return this.settings.latencyThresholdMs > 0;
  }

  commandTook(ms: number): void {
    this.latencyMonitor.record('command', ms, Math.floor(this.env.clock.unixMs() / 1000));
  }

  refreshHoldBack(): void {
    this.clients.refresh();
  }

  onClosed(connection: Connection): void {
    this.clients.remove(connection);
    this.store.closeSession(connection.session);
  }

  log(level: 'verbose' | 'warning', message: string): void {
    this.env.logger.log(level, message);
  }

  // ------------------------------------------------------------------------------------------------------ ServerPort

  get persistence(): PersistencePort {
    return this.store.persistence;
  }

  get commands(): StorePort['commands'] {
    return this.store.commands;
  }

  get latency(): LatencyPort {
    return this.latencyMonitor;
  }

  get isPasswordRequired(): boolean {
    return this.settings.password !== '';
  }

  info(sections: readonly string[]): string {
    return infoText(sections, this.infoSources);
  }

  resetStatistics(): void {
    this.statistics.reset();
    this.store.resetStatistics();
  }

  authenticate(user: string, password: Buffer): boolean {
    const isRight = !this.isPasswordRequired || isSamePassword(password, this.settings.password);
    return isRight && user === 'default';
  }

  setActiveExpire(on: boolean): void {
    this.store.setActiveExpire(on);
  }

  async shutdown(mode: { abort: boolean }): Promise<void> {
    if (mode.abort) throw new CommandError('ERR No shutdown in progress.');
    this.env.logger.log('warning', 'User requested shutdown...');
    try {
      await this.close();
    } catch (error) {
      this.env.logger.log('warning', `Errors while shutting down: ${error instanceof Error ? error.message : String(error)}`);
      throw new CommandError('ERR Errors trying to SHUTDOWN. Check logs.');
    }
    this.onShutdown();
  }

  delay(ms: number): Promise<void> {
    return new Promise((resolve) => void this.env.timers.after(ms, resolve));
  }

  blockFor(ms: number): void {
    if (ms > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  }

  unixMicros(): number {
    return Math.floor(this.env.clock.unixMs() * 1000);
  }

  // --------------------------------------------------------------------------------------------------------- private

  private arrive({ socket, address, localAddress, isLocal }: Arrival): void {
    this.statistics.connections++;
    const refusal = this.refusal(isLocal);
    if (refusal !== null) {
      this.statistics.rejected++;
      socket.on('error', () => {});
      socket.end(refusal, () => socket.destroy());
      return;
    }
    const session = new ClientSession({
      id: this.nextId++,
      address,
      localAddress,
      createdAtMs: this.env.clock.unixMs(),
      isAuthenticated: !this.isPasswordRequired,
    });
    this.clients.add(new Connection(socket, session, this));
  }

  private refusal(isLocal: boolean): string | null {
    if (this.clients.count >= this.settings.maxClients) return TOO_MANY_CLIENTS;
    if (!isLocal && this.settings.isProtected && !this.isPasswordRequired) return PROTECTED_MODE;
    return null;
  }

  private onProgress(): void {
    // What waits for a log that will never move has an unknown outcome: no client may take it for done.
    this.turn.openGate();
    if (this.store.isFailed) this.gate.fail();
    this.refreshHoldBack();
  }

  private onCron(): void {
    const { clock } = this.env;
    this.coarseMs = clock.monotonicMs();
    this.coarseUnixMs = clock.unixMs();
    this.statistics.sample(this.coarseMs);
    this.onProgress();
    if (++this.cronTick % CRON_TICKS_PER_SECOND !== 0) return;
    for (const connection of this.clients.all()) connection.checkTimeouts(this.coarseMs, this.settings.idleMs);
  }

  /** CONFIG SET takes effect here at once. */
  private watched(config: ConfigPort): ConfigPort {
    return {
      get: (patterns) => config.get(patterns),
      value: (name) => config.value(name),
      rewrite: () => config.rewrite(),
      set: (pairs) => {
        const waiting = config.set(pairs);
        if (waiting !== undefined) return waiting.then(() => this.applySettings(config));
        return this.applySettings(config);
      },
    };
  }

  private applySettings(config: ConfigPort): void | Promise<void> {
    const before = this.settings;
    const settings = readServerSettings(config);
    this.settings = settings;
    this.latencyMonitor.thresholdMs = settings.latencyThresholdMs;
    for (const connection of this.clients.all()) connection.parser.setLimits(settings.parser);
    if (settings.port === before.port && settings.bind.join() === before.bind.join()) return;
    return this.listener.rebind(settings, before).catch((error: unknown) => {
      config.set([
        ['port', String(before.port)],
        ['bind', before.bind.join(' ')],
      ]);
      this.settings = readServerSettings(config);
      const reason = error instanceof Error ? error.message : String(error);
      const name = settings.port === before.port ? 'bind' : 'port';
      throw new CommandError(`ERR CONFIG SET failed (possibly related to argument '${name}') - Unable to listen: ${reason}`);
    });
  }
}
