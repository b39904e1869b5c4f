/**
 * A store that knows a handful of commands and keeps no data, whose log moves only when the test says so: for tests of the
 * server around it.
 *
 *   SET  appends 10 to the log       GET  shows data        PING  shows none      BLOCK waits for unblock()
 *   WAIT waits for a SERVE   SERVE  appends 10, then 10 more for the client in WAIT, whose reply it writes
 *   THROW throws                     QUIT closes            HELD <n> answers a bulk of n bytes
 */

import type { Blocked } from '../../src/commands/blocking.js';
import type { Reply } from '../../src/commands/reply.js';
import type { PersistencePort, ServerPort } from '../../src/commands/server-port.js';
import type { Session } from '../../src/commands/session.js';
import type { Argv } from '../../src/resp/argv.js';
import type { InfoFields, StorePort } from '../../src/server/ports.js';

export class FakeStore implements StorePort {
  replyLsn = 0;
  appendedLsn = 0;
  watermark = Number.POSITIVE_INFINITY;
  answersAhead = false;
  isWritable = true;
  isFailed = false;
  readsWait = true;
  isLoading = false;
  turns = 0;
  /** Names of the commands that ran, in order, with the session's number. */
  readonly ran: string[] = [];
  readonly closed: number[] = [];
  private readonly blocked = new Map<number, (text: string) => void>();
  private serve = () => {};
  private progress = () => {};

  execute(session: Session, argv: Argv, reply: Reply): void | Promise<void> | Blocked {
    const name = argv.text(0).toUpperCase();
    this.ran.push(`${session.id}:${name}`);
    session.lastCommand = name.toLowerCase();
    this.replyLsn = 0;
    switch (name) {
      case 'SET':
        this.appendedLsn += 10;
        this.replyLsn = session.lastWriteLsn = this.appendedLsn;
        return reply.simple('OK');
      case 'GET':
        this.replyLsn = this.appendedLsn;
        return reply.nullBulk();
      case 'HELD':
        return reply.bulk(Buffer.alloc(Number(argv.text(1)), 120));
      case 'ECHO':
        return reply.bulkRange(argv.bytes, argv.start(1), argv.end(1));
      case 'AUTH':
        session.isAuthenticated = true;
        return reply.simple('OK');
      case 'REPLY':
        session.replyMode = argv.text(1) as 'on' | 'off' | 'skip';
        return reply.simple('OK');
      case 'BLOCK':
        return new Promise((resolve) => {
          this.blocked.set(session.id, (text) => {
            reply.simple(text);
            resolve();
          });
        });
      case 'WAIT': {
        const waiting: Blocked = { argv: argv.clone(), onEnd: () => {} };
        this.serve = () => {
          reply.simple('SERVED');
          waiting.onEnd(this.appendedLsn);
        };
        return waiting;
      }
      case 'SERVE':
        this.appendedLsn += 20;
        reply.simple('OK');
        this.serve();
        this.replyLsn = this.appendedLsn;
        return;
      case 'THROW':
        reply.array(2);
        throw new TypeError('a bug');
      case 'QUIT':
        session.closeAfterReply = true;
        return reply.simple('OK');
      default:
        return reply.simple('PONG');
    }
  }

  beginBatch(): void {}

  endBatch(): void {}
  foreseeKeys(): void {}

  /** Moves the log and tells the server. */
  advance(watermark: number): void {
    this.watermark = watermark;
    this.progress();
  }

  setWritable(isWritable: boolean): void {
    this.isWritable = isWritable;
    this.progress();
  }

  /** The log is degraded. */
  degrade(): void {
    this.readsWait = false;
    this.progress();
  }

  fail(): void {
    this.isFailed = true;
    this.readsWait = false;
    this.progress();
  }

  gateLsn(): number {
    return this.watermark;
  }

  mayAnswerAhead(): boolean {
    return this.answersAhead;
  }

  onProgress(listener: () => void): void {
    this.progress = listener;
  }

  mayWrite(_session: Session, argv: Argv): boolean {
    return argv.is(0, 'SET');
  }

  endOfTurn(): void {
    this.turns++;
  }

  attach(_server: ServerPort): void {}

  closeSession(session: Session): void {
    this.closed.push(session.id);
  }

  unblock(session: Session): boolean {
    const finish = this.blocked.get(session.id);
    this.blocked.delete(session.id);
    finish?.('UNBLOCKED');
    return finish !== undefined;
  }

  infoFields(): InfoFields {
    return [];
  }

  readonly commands = { list: () => [], find: () => null };
  readonly persistence: PersistencePort = {
    isAofEnabled: true,
    isSynced: () => true,
    waitSynced: () => Promise.resolve([1, 0]),
    reload: () => Promise.resolve(),
    startRewrite: () => 'started',
    lastSaveSeconds: 0,
    setFlushSleep: () => {},
  };
  setActiveExpire(): void {}
  resetStatistics(): void {}
  async close(): Promise<void> {}
}
