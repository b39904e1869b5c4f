/** stalled-child.mjs from the outside: an embedded log under load that watches its own event loop. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface Seen {
  readonly appended: number;
  readonly stalls: number;
  readonly refusals: number;
  readonly drains: number;
  /** Times that synced() has resolved. */
  readonly syncs: number;
  readonly peakBuffered: number;
  readonly peakUnsyncedMs: number;
  readonly peakRss: number;
  readonly rssAtReset: number;
  /** From one look of the appender at the clock to the next, but for its timer. */
  readonly longestTurnMs: number;
  readonly loopMaxMs: number;
  readonly loopP99Ms: number;
  readonly delayed: number;
  readonly histogram: string;
  readonly state: string;
}

export interface StalledChildOptions {
  readonly door: 'open' | 'AppendOnlyFile';
  readonly dir: string;
  readonly backend: string;
  readonly appendfsync: string;
  readonly bufferLimitBytes: number;
}

export class StalledChild {
  private readonly lines: string[] = [];
  private wake: (() => void) | null = null;
  private errors = '';

  private constructor(private readonly child: ChildProcess) {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.lines.push(line);
      this.wake?.();
    });
    child.stderr?.on('data', (text) => {
      this.errors += String(text);
    });
    child.on('exit', () => this.wake?.());
  }

  static async start({ door, dir, backend, appendfsync, bufferLimitBytes }: StalledChildOptions): Promise<StalledChild> {
    const script = join(__dirname, 'stalled-child.mjs');
    const child = new StalledChild(
      spawn(process.execPath, [script, door, dir, backend, appendfsync, String(bufferLimitBytes)], {
        env: { ...process.env, EVERYSEC_BACKEND: '' },
      }),
    );
    await child.line();
    return child;
  }

  async reset(): Promise<void> {
    await this.ask('reset');
  }

  async tell(): Promise<Seen> {
    return JSON.parse(await this.ask('tell')) as Seen;
  }

  /** Everything appended is synced; nothing more is appended. */
  async stop(): Promise<void> {
    await this.ask('stop');
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await gone;
  }

  private ask(word: string): Promise<string> {
    this.child.stdin?.write(`${word}\n`);
    return this.line();
  }

  private async line(): Promise<string> {
    while (this.lines.length === 0) {
      if (this.child.exitCode !== null) throw new Error(`the child ended with ${this.child.exitCode}: ${this.errors}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.lines.shift() ?? '';
  }
}
