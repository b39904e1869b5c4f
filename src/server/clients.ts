/** The connections there are: CLIENT LIST, KILL, PAUSE, and the limits that concern all of them. */
import type { ClientsPort } from '../commands/server-port.js';
import type { Session } from '../commands/session.js';
import { type Connection, HoldBack, type HoldBackMode } from './connection.js';
import type { StorePort } from './ports.js';

export class Clients implements ClientsPort {
  private readonly byId = new Map<number, Connection>();
  /** Monotonic; 0: not paused. */
  private pausedUntilMs = 0;
  private pausesWritesOnly = false;
  /** The clients that a command may be run for just now; the caller's own connection closes after its reply. */
  holdBack: HoldBackMode = HoldBack.nothing;

  constructor(
    private readonly store: StorePort,
    private readonly clock: { monotonicMs(): number; unixMs(): number },
  ) {}

  get count(): number {
    return this.byId.size;
  }

  get blockedCount(): number {
    let count = 0;
    for (const connection of this.byId.values()) if (connection.isBlocked) count++;
    return count;
  }

  all(): Iterable<Connection> {
    return this.byId.values();
  }

  add(connection: Connection): void {
    this.byId.set(connection.session.id, connection);
  }

  remove(connection: Connection): void {
    this.byId.delete(connection.session.id);
  }

  *list(): Iterable<Session> {
    for (const connection of this.byId.values()) yield connection.session;
  }

  kill(id: number): boolean {
    const connection = this.byId.get(id);
    if (connection === undefined) return false;
    connection.close(connection.isRunning ? 'after replies' : 'now');
    return true;
  }

  unblock(id: number, withError: boolean): boolean {
    const connection = this.byId.get(id);
    return connection?.isBlocked === true && this.store.unblock(connection.session, withError);
  }

  /** The later end and the stricter mode of this pause and the one under way count. */
  pause(timeoutMs: number, writesOnly: boolean): void {
    const isPaused = this.pausedUntilMs > this.clock.monotonicMs();
    this.pausedUntilMs = Math.max(isPaused ? this.pausedUntilMs : 0, this.clock.monotonicMs() + timeoutMs);
    this.pausesWritesOnly = writesOnly && (!isPaused || this.pausesWritesOnly);
    this.refresh();
  }

  unpause(): void {
    this.pausedUntilMs = 0;
    this.refresh();
  }

  /** Looks at the pause's end and at the store's budget, and lets those go on that may. */
  refresh(): void {
    const before = this.holdBack;
    this.holdBack = this.decide();
    if (this.holdBack < before) for (const connection of this.byId.values()) connection.unpark();
  }

  describe(session: Session): string {
    const connection = this.byId.get(session.id);
    const now = this.clock.unixMs();
    const seconds = (sinceMs: number) => Math.max(0, Math.floor((now - sinceMs) / 1000));
    const pending = connection?.parser.pendingBytes ?? 0;
    const output = connection?.outputBytes ?? 0;
    return [
      `id=${session.id}`,
      `addr=${session.address}`,
      `laddr=${session.localAddress}`,
      `fd=${connection?.fileDescriptor ?? -1}`,
      `name=${session.name}`,
      `age=${seconds(session.createdAtMs)}`,
      `idle=${seconds(session.lastCommandAtMs)}`,
      `flags=${flags(session, connection)}`,
      `db=${session.db}`,
      'sub=0 psub=0 ssub=0',
      `multi=${session.queue === null ? -1 : session.queue.length}`,
      `qbuf=${pending} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0`,
      `obl=${output} oll=0 omem=${output} tot-mem=${pending + output}`,
      'events=r',
      `cmd=${session.lastCommand === '' ? 'NULL' : session.lastCommand}`,
      `user=${session.user}`,
      'redir=-1',
      `resp=${session.resp}`,
      `lib-name=${session.libName} lib-ver=${session.libVersion}`,
    ].join(' ');
  }

  private decide(): HoldBackMode {
    const isPaused = this.pausedUntilMs > 0 && this.pausedUntilMs > this.clock.monotonicMs();
    if (isPaused && !this.pausesWritesOnly) return HoldBack.everything;
    return isPaused || !this.store.isWritable ? HoldBack.writes : HoldBack.nothing;
  }
}

function flags(session: Session, connection: Connection | undefined): string {
  let text = '';
  if (session.queue !== null) text += 'x';
  if (connection?.isBlocked === true) text += 'b';
  if (session.isWatchBroken) text += 'd';
  if (session.closeAfterReply) text += 'c';
  if (session.address.endsWith(':0')) text += 'U';
  if (session.noEvict) text += 'e';
  return text === '' ? 'N' : text;
}
