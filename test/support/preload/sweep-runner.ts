/**
 * One process of the sweep under faults.c, and the next one when it was killed. A job is a message to it; what it answers, or
 * how it ended, comes back. Runs whose faults do not kill share a process, as they may.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BackendChoice, FsyncPolicy } from '../everysec-server.js';
import { FaultRules } from './fault-rules.js';
import { type Preload, preload } from './preload-library.js';

export interface SweepJob {
  readonly scene: string;
  readonly dir: string;
  readonly socket: string;
  readonly policy: FsyncPolicy;
  readonly backend: BackendChoice;
  /** What the workload does about a fault that stays: once it need not; heal takes it away; stuck lets it be. */
  readonly mode: 'once' | 'heal' | 'stuck';
  readonly firstOperation: number;
  /** The log may end as failed, beyond help without a restart. */
  readonly mayFail: boolean;
}

export interface JobResult {
  /** SIGKILL by the library, as it was told to. */
  readonly isKilled: boolean;
  /** What is wrong whatever the disk holds. */
  readonly complaints: readonly string[];
  /** Typed errors on the way. */
  readonly errors: readonly string[];
}

/** The workload has deadlines of its own; this is for one that is blocked in its event loop. */
const JOB_MS_MAX = 60_000;

export class SweepRunner {
  readonly rules: FaultRules;
  readonly dataDir: string;
  private readonly under: Preload;
  private child: ChildProcess | null = null;
  private output = '';

  /** `wrapper`: a program that runs the process instead of the library, strace say. */
  constructor(
    library: string | null,
    private readonly home: string,
    private readonly wrapper: readonly string[] = [],
  ) {
    mkdirSync(home, { recursive: true });
    this.dataDir = join(home, 'data');
    this.under = preload(library ?? '', { directory: home, mark: this.dataDir, isTraced: true });
    this.rules = new FaultRules(this.under.controlPath);
    this.spawn();
  }

  /** What the last job wrote down. */
  get journal(): string {
    return readFileSync(this.under.acksPath, 'latin1');
  }

  get trace(): Buffer {
    return readFileSync(this.under.tracePath);
  }

  /** Everything the current process has printed. */
  get log(): string {
    return this.output.slice(-4000);
  }

  /** Forgets the last job's records. */
  clear(): void {
    for (const path of [this.under.acksPath, this.under.tracePath]) writeFileSync(path, '');
  }

  async run(job: Omit<SweepJob, 'dir' | 'socket'>): Promise<JobResult> {
    const child = this.child ?? this.spawn();
    const socket = join(this.home, 'socket');
    rmSync(socket, { force: true });
    let timer: NodeJS.Timeout | undefined;
    const result = await new Promise<JobResult>((resolve) => {
      const done = (value: JobResult) => {
        child.removeAllListeners();
        resolve(value);
      };
      timer = setTimeout(() => {
        child.kill('SIGKILL');
        done({ isKilled: true, complaints: [`hangs: ${this.log}`], errors: [] });
      }, JOB_MS_MAX);
      child.once('message', (message) => done({ isKilled: false, ...(message as Omit<JobResult, 'isKilled'>) }));
      child.once('exit', (code, signal) => {
        const isKilled = signal === 'SIGKILL';
        const complaints = isKilled ? [] : [`the process ended by itself with ${code ?? signal}: ${this.log}`];
        done({ isKilled, complaints, errors: [] });
      });
      child.send({ ...job, dir: this.dataDir, socket });
    });
    clearTimeout(timer);
    // The next one starts while this one's files are looked at.
    if (result.isKilled || !child.connected) this.spawn();
    return result;
  }

  /** Resolves when the process is gone. */
  async end(): Promise<void> {
    const child = this.child;
    this.child = null;
    if (child === null) return;
    child.removeAllListeners();
    const gone = new Promise((resolve) => child.once('exit', resolve));
    // A wrapper would leave the process behind; a closed channel ends it.
    if (this.wrapper.length > 0) child.disconnect();
    else child.kill('SIGKILL');
    await gone;
  }

  /** Another process for the jobs to come. */
  async renew(): Promise<void> {
    await this.end();
    this.spawn();
  }

  private spawn(): ChildProcess {
    this.output = '';
    const command = [...this.wrapper, process.execPath, join(__dirname, 'sweep-workload.mjs')];
    const env: NodeJS.ProcessEnv = { ...this.under.env, NODE_OPTIONS: '', EVERYSEC_BACKEND: '' };
    if (this.wrapper.length > 0) Object.assign(env, { LD_PRELOAD: '', UV_THREADPOOL_SIZE: '1' });
    const child = spawn(command[0] as string, [...command.slice(1), this.under.acksPath, this.under.controlPath], {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-8000);
      });
    }
    this.child = child;
    return child;
  }
}
