import type { Argv } from '../resp/argv.js';

/** What the store remembers about one client (or one embedded handle), independent of sockets. */
export interface Session {
  readonly id: number;
  /** The loader's fake client and the embedded handle are sessions too. */
  readonly kind: 'client' | 'embedded' | 'loader';
  db: number;
  resp: 2 | 3;
  isAuthenticated: boolean;
  user: string;
  name: string;
  libName: string;
  libVersion: string;
  /** 'host:port' or the unix socket's path with ':0', as CLIENT LIST shows it; '' for an embedded session. */
  readonly address: string;
  readonly localAddress: string;
  readonly createdAtMs: number;
  lastCommandAtMs: number;
  lastCommand: string;
  noEvict: boolean;
  replyMode: 'on' | 'off' | 'skip';
  /** Set by QUIT, CLIENT KILL and fatal protocol errors: the connection closes after its pending replies. */
  closeAfterReply: boolean;
  /** null: not in MULTI. */
  queue: QueuedCommand[] | null;
  /** Bytes of memory that it takes, about: a limit of the server is checked against it. */
  queueBytes: number;
  /** An error while queueing: EXEC answers EXECABORT. */
  isQueueBroken: boolean;
  /** Keys under WATCH; the store's tracker marks isWatchBroken. */
  watched: WatchedKey[];
  isWatchBroken: boolean;
  /** LSN after this session's last propagated write: what WAITAOF waits for. */
  lastWriteLsn: number;
}

export interface QueuedCommand {
  readonly spec: import('./spec.js').CommandSpec;
  readonly argv: Argv;
}

export interface WatchedKey {
  readonly db: number;
  readonly key: string;
  /** Whether the key had already expired when WATCH was called: that it goes then changes nothing. */
  wasExpired: boolean;
}
