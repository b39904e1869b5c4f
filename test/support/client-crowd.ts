/**
 * Several clients of one server, some of which may be waiting for a key. A step is over when as many replies are missing as the server
 * says clients are blocked: then the next step can be sent, and the order of everything is the sender's.
 */
import { RespClient } from './resp-client.js';

export type Words = readonly string[];

interface Member {
  readonly client: RespClient;
  readonly id: number;
  /** Replies that have not come. */
  missing: number;
}

export class ClientCrowd {
  private readonly members = new Map<string, Member>();
  /** `name: reply` as they came for each client, since the last take(). */
  private replies = new Map<string, string[]>();

  private constructor(
    private readonly port: number,
    readonly admin: RespClient,
  ) {}

  static async connect(port: number): Promise<ClientCrowd> {
    return new ClientCrowd(port, await RespClient.connect(port));
  }

  /** Sends one pipeline for this client, which is connected first where it is not there; resolves when the server is at rest. */
  async send(name: string, ...commands: Words[]): Promise<void> {
    const member = await this.member(name);
    for (const words of commands) {
      member.missing++;
      // `<name>` stands for the number of a client.
      const args = words.map((word) => this.withId(word));
      member.client.raw(...args).then(
        (bytes) => {
          member.missing--;
          this.note(name, withoutId(bytes.toString('latin1')));
        },
        () => {
          if (member.missing > 0) this.note(name, 'closed');
          member.missing = 0;
          if (this.members.get(name) === member) this.members.delete(name);
        },
      );
    }
    await this.rest();
  }

  /** Until nothing that this client has sent waits any more: its time must be over some day. */
  async answered(name: string): Promise<void> {
    await this.until(async () => !this.isWaiting(name));
    await this.rest();
  }

  /** Ends the connection of this client. */
  async leave(name: string): Promise<void> {
    const member = this.members.get(name);
    if (member === undefined) return;
    this.members.delete(name);
    member.missing = 0;
    member.client.close();
    await this.until(async () => (await this.admin.ok('CLIENT', 'LIST', 'ID', member.id)) === '');
    await this.rest();
  }

  isWaiting(name: string): boolean {
    return (this.members.get(name)?.missing ?? 0) > 0;
  }

  get waiting(): string[] {
    return [...this.members.keys()].filter((name) => this.isWaiting(name));
  }

  /** What came since the last call, by client. */
  take(): Record<string, string[]> {
    const { replies } = this;
    this.replies = new Map();
    return Object.fromEntries([...replies].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  close(): void {
    for (const { client } of this.members.values()) client.close();
    this.admin.close();
  }

  /**
   * Until every client that waits for a reply is blocked, by the server's own count; seen twice, for the first count may be older than
   * what has come meanwhile.
   */
  private rest(): Promise<void> {
    let before = '';
    return this.until(async () => {
      const info = String(await this.admin.ok('INFO', 'clients'));
      const { waiting } = this;
      const isAtRest = waiting.length === Number(/blocked_clients:(\d+)/.exec(info)?.[1]);
      const seen = isAtRest ? `at rest: ${waiting}` : '';
      const isSame = isAtRest && seen === before;
      before = seen;
      return isSame;
    });
  }

  private async until(holds: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!(await holds())) {
      await new Promise((resolve) => setImmediate(resolve));
      if (performance.now() > deadline) {
        throw new Error(`never at rest: ${this.waiting} wait, ${await this.admin.ok('INFO', 'clients')}`);
      }
    }
  }

  private async member(name: string): Promise<Member> {
    const there = this.members.get(name);
    if (there !== undefined) return there;
    const client = await RespClient.connect(this.port);
    const member = { client, id: Number(await client.ok('CLIENT', 'ID')), missing: 0 };
    this.members.set(name, member);
    return member;
  }

  private withId(word: string): string {
    const name = /^<(.*)>$/.exec(word)?.[1];
    return name === undefined ? word : String(this.members.get(name)?.id ?? 999_999);
  }

  private note(name: string, reply: string): void {
    const replies = this.replies.get(name);
    if (replies === undefined) this.replies.set(name, [reply]);
    else replies.push(reply);
  }
}

/** The answer to HELLO has the client's number. */
function withoutId(reply: string): string {
  return reply.replace(/(\$2\r\nid\r\n:)\d+/, '$1');
}
