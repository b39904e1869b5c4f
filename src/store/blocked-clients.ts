/**
 * The clients that wait for keys (BLPOP and its kind). A list per key and database holds them in the order in which they came; a client
 * stands in one list for each of its keys. What touches such a key is noted, and looked at when the command is over; the clients are
 * served after the execution unit, each in a unit of its own, in the order in which their keys became ready.
 *
 * While nobody waits all this costs one comparison per touched key and one per command. While the log takes nothing nobody is served:
 * the keys stay ready, and afterUnit() goes on when the log does.
 */
import type { Blocked, KeyWait } from '../commands/blocking.js';
import type { Reply } from '../commands/reply.js';
import type { Session } from '../commands/session.js';
import { CommandError } from '../commands/spec.js';
import type { Clock, Timer, Timers } from '../env/env.js';
import type { Keyspace } from '../keyspace/keyspace.js';
import type { Argv } from '../resp/argv.js';

export interface BlockingLimits {
  /** Keys that one client waits for; an embedded store is one client. */
  readonly keysPerClientMax: number;
  /** Keys that all of them wait for together. */
  readonly keysMax: number;
}

export const BLOCKING_LIMITS: BlockingLimits = { keysPerClientMax: 65_536, keysMax: 1_048_576 };

/** A longer time-out is taken in pieces: timers take no more than 2^31 ms. */
export const TIMER_MS_MAX = 1_000_000_000;

export interface ServingRunner {
  /** LSN after everything that was propagated: what the reply of a client that was served waits for. */
  readonly lastLsn: number;
  /** What a reply waits for that shows data and changed none. */
  readonly readLsn: number;
  /** False: nobody may be served now. */
  beginServing(): boolean;
  serve(client: BlockedClient, i: number): void;
  endServing(): void;
}

export interface BlockedClientsOptions {
  readonly keyspace: Keyspace;
  readonly clock: Clock;
  readonly timers: Pick<Timers, 'after'>;
  readonly runner: ServingRunner;
  readonly limits?: BlockingLimits;
}

/** One command that waits. */
export interface BlockedClient extends Blocked {
  readonly session: Session;
  readonly reply: Reply;
  readonly wait: KeyWait;
  /** Where it stands, with the key's position among its arguments. */
  readonly places: Map<WaitingList, number>;
  /** Monotonic; means nothing without a time-out. */
  readonly deadlineMs: number;
  timer: Timer | null;
}

/** Who waits for one key. */
interface WaitingList {
  readonly db: number;
  readonly key: string;
  readonly clients: Set<BlockedClient>;
  isTouched: boolean;
  isReady: boolean;
}

export class BlockedClients {
  /** Clients that wait. */
  count = 0;
  /** Those of them with a time-out. */
  timedCount = 0;
  /** Keys that were touched or are ready: afterUnit() has something to look at. */
  work = 0;

  private readonly keyspace: Keyspace;
  private readonly clock: Clock;
  private readonly timers: Pick<Timers, 'after'>;
  private readonly runner: ServingRunner;
  private readonly limits: BlockingLimits;
  private readonly bySession = new Map<Session, BlockedClient>();
  /** Keys waited for, by the session's number: several sessions of an embedded store have the same. */
  private readonly keysBySession = new Map<number, number>();
  private keyCount = 0;
  /** Lists by key (latin1), one map per database number. */
  private readonly lists: Map<string, WaitingList>[] = [];
  private touched: WaitingList[] = [];
  private ready: WaitingList[] = [];
  /** The list whose clients are being served: whatever they do to its key, it is looked at already. */
  private serving: WaitingList | null = null;

  constructor({ keyspace, clock, timers, runner, limits = BLOCKING_LIMITS }: BlockedClientsOptions) {
    this.keyspace = keyspace;
    this.clock = clock;
    this.timers = timers;
    this.runner = runner;
    this.limits = limits;
  }

  /** From now on the session waits. `argv` is copied. */
  block(session: Session, argv: Argv, reply: Reply, wait: KeyWait): Blocked {
    const { timeoutMs } = wait;
    const client: BlockedClient = {
      session,
      reply,
      wait,
      argv: argv.clone(),
      places: new Map(),
      deadlineMs: this.clock.monotonicMs() + timeoutMs,
      timer: null,
      onEnd: () => {},
    };
    this.reserve(session.id, wait.lastKey - wait.firstKey + 1);
    for (let i = wait.firstKey; i <= wait.lastKey; i++) {
      const list = this.listOf(session.db, argv.latin1(i));
      if (!client.places.has(list)) client.places.set(list, i);
      list.clients.add(client);
    }
    this.bySession.set(session, client);
    this.count++;
    if (timeoutMs > 0) {
      this.timedCount++;
      this.arm(client, timeoutMs);
    }
    return client;
  }

  /** A key was changed, made or deleted: whether anybody can be served is seen when the command is over. */
  touch(db: number, key: string): void {
    const list = this.lists[db]?.get(key);
    if (list !== undefined) this.noteTouched(list);
  }

  /** As touch(), of every key in this database that somebody waits for. */
  touchDatabase(db: number): void {
    for (const list of this.lists[db]?.values() ?? []) this.noteTouched(list);
  }

  /** After each command of a unit: what it touched is ready if it is there. Costs a look-up per touched key that is waited for. */
  noteReady(): void {
    if (this.touched.length === 0) return;
    for (const list of this.touched) {
      list.isTouched = false;
      if (list.isReady || !this.isThere(list)) continue;
      list.isReady = true;
      this.ready.push(list);
    }
    this.touched = [];
    this.work = this.ready.length;
  }

  /** After each execution unit, and when the log takes writes again: serves whom it can. */
  afterUnit(): void {
    this.noteReady();
    if (this.serving !== null || this.ready.length === 0 || !this.runner.beginServing()) return;
    try {
      for (let list = this.ready.shift(); list !== undefined; list = this.ready.shift()) {
        list.isReady = false;
        this.serving = list;
        if (!this.serveList(list)) {
          list.isReady = true;
          this.ready.unshift(list);
          break;
        }
      }
    } finally {
      this.serving = null;
      this.work = this.ready.length;
      this.runner.endServing();
    }
  }

  /** CLIENT UNBLOCK. False: this session waits for no key. */
  unblock(session: Session, withError: boolean): boolean {
    const client = this.bySession.get(session);
    if (client === undefined) return false;
    if (!withError) {
      this.expire(client);
      return true;
    }
    this.remove(client);
    client.reply.error('UNBLOCKED client unblocked via CLIENT UNBLOCK');
    client.onEnd(0);
    return true;
  }

  /** The session is no more: nobody hears of it. */
  forget(session: Session): void {
    const client = this.count === 0 ? undefined : this.bySession.get(session);
    if (client !== undefined) this.remove(client);
  }

  /** False: the log takes nothing any more, and somebody is left. */
  private serveList(list: WaitingList): boolean {
    const db = this.keyspace.databases[list.db];
    if (db === undefined) return true;
    for (const client of list.clients) {
      const i = client.places.get(list) ?? 0;
      const entry = db.find(client.argv, i);
      if (entry === null) return true;
      if (entry.type !== client.wait.type) continue;
      if (!this.runner.beginServing()) return false;
      this.remove(client);
      this.runner.serve(client, i);
      client.onEnd(this.runner.lastLsn);
      this.noteReady();
    }
    return true;
  }

  private expire(client: BlockedClient): void {
    this.remove(client);
    client.wait.expire(client.reply);
    client.onEnd(this.runner.readLsn);
  }

  private arm(client: BlockedClient, leftMs: number): void {
    client.timer = this.timers.after(Math.min(Math.ceil(leftMs), TIMER_MS_MAX), () => {
      const stillLeftMs = client.deadlineMs - this.clock.monotonicMs();
      if (stillLeftMs > 0) this.arm(client, stillLeftMs);
      else this.expire(client);
    });
  }

  private remove(client: BlockedClient): void {
    client.timer?.cancel();
    this.bySession.delete(client.session);
    this.count--;
    if (client.wait.timeoutMs > 0) this.timedCount--;
    for (const list of client.places.keys()) {
      list.clients.delete(client);
      if (list.clients.size === 0) this.lists[list.db]?.delete(list.key);
    }
    const { id } = client.session;
    const keys = client.wait.lastKey - client.wait.firstKey + 1;
    const left = (this.keysBySession.get(id) ?? 0) - keys;
    if (left > 0) this.keysBySession.set(id, left);
    else this.keysBySession.delete(id);
    this.keyCount -= keys;
  }

  private reserve(id: number, keys: number): void {
    const { keysPerClientMax, keysMax } = this.limits;
    const ofThis = (this.keysBySession.get(id) ?? 0) + keys;
    if (ofThis > keysPerClientMax) throw new CommandError(`ERR a client can wait for ${keysPerClientMax} keys and no more`);
    if (this.keyCount + keys > keysMax)
      throw new CommandError(`ERR all clients together can wait for ${keysMax} keys and no more`);
    this.keysBySession.set(id, ofThis);
    this.keyCount += keys;
  }

  private listOf(db: number, key: string): WaitingList {
    this.lists[db] ??= new Map();
    const lists = this.lists[db] as Map<string, WaitingList>;
    let list = lists.get(key);
    if (list === undefined) {
      list = { db, key, clients: new Set(), isTouched: false, isReady: false };
      lists.set(key, list);
    }
    return list;
  }

  private noteTouched(list: WaitingList): void {
    if (list.isTouched || list === this.serving) return;
    list.isTouched = true;
    this.touched.push(list);
    this.work++;
  }

  /** Whether the key holds what anybody in the list waits for. */
  private isThere({ db, key, clients }: WaitingList): boolean {
    const bytes = Buffer.from(key, 'latin1');
    const type = this.keyspace.databases[db]?.peek(bytes, 0, bytes.length)?.type;
    for (const { wait } of clients) if (wait.type === type) return true;
    return false;
  }
}
