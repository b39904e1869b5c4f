/** Who watches which key (WATCH), and what breaks a watch. Costs one comparison per change while nobody watches. */
import type { Session } from '../commands/session.js';
import { type Database, type Entry, isExpired, type Keyspace } from '../keyspace/keyspace.js';

export class WatchTracker {
  /** Sessions by key (latin1), one map per database number. */
  private readonly watchers: Map<string, Set<Session>>[] = [];
  private count = 0;

  constructor(private readonly keyspace: Keyspace) {}

  watch(session: Session, db: Database, key: string): void {
    if (session.watched.some((watched) => watched.db === db.id && watched.key === key)) return;
    session.watched.push({ db: db.id, key, wasExpired: this.hasExpired(db, key) });
    this.watchers[db.id] ??= new Map();
    const byKey = this.watchers[db.id] as Map<string, Set<Session>>;
    const sessions = byKey.get(key);
    if (sessions === undefined) byKey.set(key, new Set([session]));
    else sessions.add(session);
    this.count++;
  }

  /** Forgets every watch of this session and that one was broken. */
  unwatch(session: Session): void {
    for (const { db, key } of session.watched) {
      const byKey = this.watchers[db];
      const sessions = byKey?.get(key);
      sessions?.delete(session);
      if (sessions?.size === 0) byKey?.delete(key);
      this.count--;
    }
    session.watched = [];
    session.isWatchBroken = false;
  }

  /** A key was changed, made or deleted. */
  touch(db: Database, bytes: Buffer, start: number, end: number): void {
    if (this.count === 0) return;
    const sessions = this.watchers[db.id]?.get(bytes.latin1Slice(start, end));
    if (sessions !== undefined) for (const session of sessions) session.isWatchBroken = true;
  }

  /** An expired key is about to be removed: nothing new to those who watched it after it had expired. */
  touchExpired(db: Database, entry: Entry): void {
    if (this.count === 0) return;
    const key = entry.keyBytes.latin1Slice(entry.keyStart, entry.keyEnd);
    for (const session of this.watchers[db.id]?.get(key) ?? []) {
      const watched = session.watched.find((one) => one.db === db.id && one.key === key);
      if (watched?.wasExpired === true) watched.wasExpired = false;
      else session.isWatchBroken = true;
    }
  }

  /** Everything in `db` goes, or is replaced by what is in `other`. Called before that happens. */
  touchDatabase(db: Database, other?: Database): void {
    for (const [key, sessions] of this.watchers[db.id] ?? []) {
      const bytes = Buffer.from(key, 'latin1');
      const existed = db.peek(bytes, 0, bytes.length) !== null;
      const comes = other !== undefined && other.peek(bytes, 0, bytes.length) !== null;
      if (!existed && !comes) continue;
      const comesExpired = comes && other !== undefined && this.hasExpired(other, key);
      for (const session of sessions) {
        const watched = session.watched.find((one) => one.db === db.id && one.key === key);
        if (watched === undefined) continue;
        if (watched.wasExpired && !comes) watched.wasExpired = false;
        else if (watched.wasExpired && comesExpired) continue;
        else if (!watched.wasExpired && !existed && comesExpired) watched.wasExpired = true;
        else session.isWatchBroken = true;
      }
    }
  }

  /** Whether EXEC must fail: a watch was broken, or a watched key has expired since without anybody noticing. */
  isBroken(session: Session): boolean {
    if (session.isWatchBroken) return true;
    return session.watched.some(({ db, key, wasExpired }) => {
      const database = this.keyspace.databases[db];
      return !wasExpired && database !== undefined && this.hasExpired(database, key);
    });
  }

  private hasExpired(db: Database, key: string): boolean {
    const bytes = Buffer.from(key, 'latin1');
    const entry = db.peek(bytes, 0, bytes.length);
    return entry !== null && isExpired(entry, this.keyspace.nowMs);
  }
}
