/** The fake client that logged commands run as while loading, and what becomes of its replies: only an error is kept. */
import type { Reply } from '../commands/reply.js';
import type { Session } from '../commands/session.js';

export function createSession(id: number, kind: Session['kind'], nowMs: number): Session {
  return {
    id,
    kind,
    db: 0,
    resp: 2,
    isAuthenticated: true,
    user: 'default',
    name: '',
    libName: '',
    libVersion: '',
    address: '',
    localAddress: '',
    createdAtMs: nowMs,
    lastCommandAtMs: nowMs,
    lastCommand: '',
    noEvict: false,
    replyMode: 'on',
    closeAfterReply: false,
    queue: null,
    queueBytes: 0,
    isQueueBroken: false,
    watched: [],
    isWatchBroken: false,
    lastWriteLsn: 0,
  };
}

export class ErrorOnlyReply implements Reply {
  /** The last error since it was taken; '' for none. */
  private text = '';

  takeError(): string | undefined {
    if (this.text === '') return undefined;
    const { text } = this;
    this.text = '';
    return text;
  }

  error(text: string): void {
    this.text = text;
  }

  simple(): void {}
  integer(): void {}
  bulk(): void {}
  bulkRange(): void {}
  nullBulk(): void {}
  nullArray(): void {}
  array(): void {}
  map(): void {}
  set(): void {}
  push(): void {}
  double(): void {}
  boolean(): void {}
  verbatim(): void {}
}
