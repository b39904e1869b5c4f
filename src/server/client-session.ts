/** The session of a network client, as it is when the connection has just been accepted. */
import type { QueuedCommand, Session, WatchedKey } from '../commands/session.js';

export interface SessionOrigin {
  readonly id: number;
  readonly address: string;
  readonly localAddress: string;
  readonly createdAtMs: number;
  /** false where a password is required. */
  readonly isAuthenticated: boolean;
}

export class ClientSession implements Session {
  readonly id: number;
  readonly kind = 'client';
  readonly address: string;
  readonly localAddress: string;
  readonly createdAtMs: number;
  db = 0;
  resp: 2 | 3 = 2;
  isAuthenticated: boolean;
  user = 'default';
  name = '';
  libName = '';
  libVersion = '';
  lastCommandAtMs: number;
  lastCommand = '';
  noEvict = false;
  replyMode: 'on' | 'off' | 'skip' = 'on';
  closeAfterReply = false;
  queue: QueuedCommand[] | null = null;
  queueBytes = 0;
  isQueueBroken = false;
  watched: WatchedKey[] = [];
  isWatchBroken = false;
  lastWriteLsn = 0;

  constructor(origin: SessionOrigin) {
    this.id = origin.id;
    this.address = origin.address;
    this.localAddress = origin.localAddress;
    this.createdAtMs = origin.createdAtMs;
    this.lastCommandAtMs = origin.createdAtMs;
    this.isAuthenticated = origin.isAuthenticated;
  }
}
