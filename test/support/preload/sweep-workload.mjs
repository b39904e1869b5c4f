/**
 * The process of the call sweep: it runs under faults.c and does what each message of its parent says (sweep-runner.ts), with the
 * compiled package. What it did it writes line by line to the acks file, which outlives it (sweep-journal.ts reads that):
 *
 *   t i kind   operation i is tried      a i   it was taken      r i   it was refused
 *   w i        everything up to i was answered as written        s i   ... as synced
 *   c          closed without an error   o list   what the store held when it had been opened
 *
 * Operation i appends "i," to the key `log`; as a unit it also sets two keys beside it, huge ones when it is to span blocks.
 */
import { openSync, readdirSync, readlinkSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { join } from 'node:path';

const load = createRequire(join(process.cwd(), 'package.json'));
const { open } = load('./dist/cjs/index.js');
const { createServer } = load('./dist/cjs/server.js');

/** Whoever has not answered by then hangs. */
const PATIENCE_MS = 8000;
/** A disk that stays broken: waits are given up, or the fault is taken away, after this. */
const STUCK_MS = 250;
const POLL_MS = 4;

const acks = openSync(process.argv[2], 'a');
const control = openSync(process.argv[3], 'r+');
const note = (line) => writeSync(acks, `${line}\n`);

process.on('message', async (job) => {
  const complaints = [];
  const errors = [];
  const run = new Run(job, complaints, errors);
  try {
    await run.scene();
  } catch (error) {
    if (!(error instanceof GivenUp)) complaints.push(`an error that is not typed: ${error?.stack ?? error}`);
    if (run.store !== null) await run.close(run.store).catch(() => {});
  }
  const left = readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(job.dir) ? [path] : [];
    } catch {
      return [];
    }
  });
  if (left.length > 0) complaints.push(`files left open: ${left.join(', ')}`);
  process.send({ complaints, errors });
});
process.on('unhandledRejection', (error) => {
  note(`! ${String(error)}`);
  throw error;
});

/** The disk stays broken and so ends the scene. */
class GivenUp extends Error {}

class Run {
  constructor(job, complaints, errors) {
    Object.assign(this, { job, complaints, errors, next: job.firstOperation, isHealed: false, last: -1, store: null });
  }

  async scene() {
    if (this.job.scene === 'switch') return this.switches();
    if (this.job.scene.startsWith('rewrite')) return this.rewrites();
    const first = await this.open();
    const isFresh = this.job.scene === 'life' || this.job.scene === 'roll';
    await this.do(first, 'single');
    await this.do(first, 'single');
    await this.sync(first);
    await this.do(first, 'unit');
    await this.sync(first);
    if (isFresh) {
      await this.do(first, 'huge');
      await this.sync(first);
    }
    await this.do(first, 'single');
    await this.close(first);
    if (!isFresh) return;
    const second = await this.open();
    await this.do(second, 'single');
    await this.sync(second);
    await this.do(second, 'unit');
    await this.close(second);
  }

  /** Writes come in before, during and after each of two rewrites. */
  async rewrites() {
    const first = await this.open();
    await this.do(first, 'single');
    await this.do(first, 'unit');
    await this.do(first, 'huge');
    await this.sync(first);
    for (let times = 0; times < 2; times++) {
      const rewriting = this.rewrite(first);
      rewriting.catch(() => {});
      await this.do(first, 'single');
      await this.sync(first);
      await this.do(first, 'unit');
      await rewriting;
      await this.do(first, 'single');
      await this.sync(first);
    }
    await this.close(first);
    const second = await this.open();
    await this.do(second, 'unit');
    await this.close(second);
  }

  async switches() {
    const server = await this.open();
    await this.do(server, 'single');
    await this.do(server, 'unit');
    await this.sync(server);
    await this.set(server, 'no');
    await this.do(server, 'single');
    await this.set(server, 'yes');
    await this.do(server, 'unit');
    await this.sync(server);
    await this.do(server, 'single');
    await this.close(server);
  }

  /** For a fault that happens once a second try is to succeed. */
  async open() {
    for (let tries = 0; ; tries++) {
      try {
        const make = this.job.scene === 'switch' ? openServer : openEmbedded;
        const store = await this.settled('open', make(this.job));
        const list = await store.read();
        note(`o ${list}`);
        this.store = store;
        return store;
      } catch (error) {
        this.typed('open', error);
        if (tries > 0 || this.job.mode === 'stuck') {
          // A lock file that could not be removed stands in the way of the process that made it.
          const isOwnLock = error.code === 'AOF_LOCKED' && this.errors.some((text) => text.includes('unlink'));
          if (this.job.mode !== 'stuck' && !isOwnLock) this.complaints.push(`open failed again: ${error.stack}`);
          throw new GivenUp();
        }
        this.heal();
      }
    }
  }

  async do(store, kind) {
    const i = this.next++;
    for (let tries = 0; ; tries++) {
      note(`t ${i} ${kind}`);
      try {
        const floor = await this.settled(`write ${i}`, store.write(i, kind), true);
        note(`a ${i}`);
        this.last = i;
        if (floor !== null && floor !== undefined) note(`${floor} ${i}`);
        return;
      } catch (error) {
        if (error instanceof StillWaiting) return;
        // A connection that ended, or a log that failed, leaves the outcome open.
        if (error.code !== 'AOF_CLOSED' && error.code !== 'AOF_FAILED') note(`r ${i}`);
        this.typed(`write ${i}`, error);
        if (this.job.mode === 'stuck' || tries > 20) return;
        this.heal();
        await this.recovered(store);
      }
    }
  }

  async sync(store) {
    const upTo = this.last;
    if (upTo < 0) return;
    try {
      await this.settled(`synced ${upTo}`, store.synced(), true);
      note(`s ${upTo}`);
    } catch (error) {
      if (!(error instanceof StillWaiting)) this.typed('synced', error);
    }
  }

  /** What a fault ends is done by another one, without a restart. */
  async rewrite(store) {
    for (let failures = 0; ; ) {
      try {
        return await this.settled('rewrite', store.rewrite(), true);
      } catch (error) {
        if (error instanceof StillWaiting) return;
        this.typed('rewrite', error);
        if (this.job.mode === 'stuck') return;
        this.heal();
        // A roll is waited for.
        if (error.code !== 'AOF_BUSY' && failures++ > 0) {
          this.complaints.push(`rewrite failed again: ${error.stack}`);
          return;
        }
        await this.recovered(store);
        await pause(POLL_MS);
      }
    }
  }

  async set(server, value) {
    const upTo = this.last;
    for (let tries = 0; ; tries++) {
      try {
        await this.settled(`appendonly ${value}`, server.appendonly(value));
        if (value === 'yes') note(`s ${upTo}`);
        return;
      } catch (error) {
        this.typed(`appendonly ${value}`, error);
        if (this.job.mode === 'stuck' || tries > 0) return;
        this.heal();
      }
    }
  }

  async close(store) {
    this.store = null;
    try {
      const isOn = store.isOn();
      await this.settled('close', store.close());
      // What was written while appendonly was off is gone.
      if (isOn) note('c');
    } catch (error) {
      this.typed('close', error);
    }
  }

  /** Degraded is over: by itself, without a restart. */
  async recovered(store) {
    for (let waited = 0; (await store.state()) !== 'ready'; waited += POLL_MS) {
      const isFailed = (await store.state()) === 'failed';
      if (isFailed || waited > PATIENCE_MS) {
        if (!isFailed || !this.job.mayFail) this.complaints.push(`still ${await store.state()} long after the fault`);
        throw new GivenUp();
      }
      await pause(POLL_MS);
    }
  }

  /** `mayWait`: on a disk that stays broken this may go on waiting. */
  async settled(what, promise, mayWait = false) {
    const waits = mayWait && this.job.mode === 'stuck';
    if (this.job.mode === 'heal' && !this.isHealed) {
      const first = await Promise.race([promise, pause(STUCK_MS).then(() => TIMEOUT)]);
      if (first !== TIMEOUT) return first;
      this.heal();
    }
    const result = await Promise.race([promise, pause(waits ? STUCK_MS : PATIENCE_MS).then(() => TIMEOUT)]);
    if (result !== TIMEOUT) return result;
    promise.catch(() => {});
    if (waits) throw new StillWaiting();
    this.complaints.push(`${what} hangs`);
    throw new GivenUp();
  }

  heal() {
    if (this.job.mode !== 'heal' || this.isHealed) return;
    this.isHealed = true;
    // struct rule: is_armed is its first int.
    writeSync(control, Int32Array.of(0), 0, 4, 0);
  }

  typed(step, error) {
    if (error instanceof GivenUp) throw error;
    const text = String(error?.message ?? error);
    const isTyped =
      /^AOF_[A-Z_]+$/.test(error?.code ?? '') || /^(MISCONF|EXECABORT|ERR .*(AOF|append)|ERR .*E[A-Z]{2,})/.test(text);
    if (!isTyped) this.complaints.push(`${step}: an error that is not typed: ${error?.stack ?? error}`);
    this.errors.push(`${step}: ${error?.code ?? ''} ${text}`);
  }
}

class StillWaiting extends Error {}
const TIMEOUT = Symbol('timeout');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const fillerOf = (i, kind) => `${i}`.padEnd(kind === 'huge' ? 200_000 : 20, 'x');

async function openEmbedded({ dir, policy, backend }) {
  const store = await open({ dir, appendfsync: policy, backend, aofUseRdbPreamble: false });
  return {
    read: () => store.get('log') ?? '',
    async write(i, kind) {
      if (kind === 'single') store.append('log', `${i},`);
      else
        store.multi((tx) => {
          tx.set(`u:${i}:a`, fillerOf(i, kind));
          tx.append('log', `${i},`);
          tx.set(`u:${i}:b`, fillerOf(i, kind));
        });
      return null;
    },
    synced: () => store.synced(),
    rewrite: () => store.rewrite(),
    isOn: () => true,
    state: () => /aof_state:(\w+)/.exec(store.info('persistence'))?.[1],
    close: () => store.close(),
  };
}

async function openServer({ dir, policy, backend, socket }) {
  const server = await createServer({ dir, appendfsync: policy, backend, port: 0, unixsocket: socket, aofUseRdbPreamble: false });
  const client = new Client(connect(socket));
  // Replies come in order: what must not wait behind a write that waits for the disk has a connection of its own.
  const admin = new Client(connect(socket));
  let isOn = true;
  const ask = async (...args) => {
    const reply = await admin.call(...args);
    if (reply instanceof Error) throw reply;
    return reply;
  };
  const call = async (...args) => {
    const reply = await client.call(...args);
    if (reply instanceof Error) throw reply;
    return reply;
  };
  return {
    read: async () => (await call('GET', 'log')) ?? '',
    async write(i, kind) {
      if (kind === 'single') await call('APPEND', 'log', `${i},`);
      else {
        const replies = ['MULTI', `SET u:${i}:a`, 'APPEND log', `SET u:${i}:b`, 'EXEC'].map((text, at) => {
          const value = at === 2 ? [`${i},`] : at === 0 || at === 4 ? [] : [fillerOf(i, kind)];
          return client.call(...text.split(' '), ...value);
        });
        const answers = await Promise.all(replies);
        const refusal = answers.find((answer) => answer instanceof Error);
        if (refusal !== undefined) throw refusal;
      }
      if (!isOn) return null;
      return policy === 'always' ? 's' : 'w';
    },
    synced: async () => {
      if (!isOn) throw Object.assign(new Error('off'), { code: 'AOF_CLOSED' });
      const [count] = await call('WAITAOF', '1', '0', '0');
      if (count !== 1) throw Object.assign(new Error('WAITAOF says 0'), { code: 'AOF_FAILED' });
    },
    isOn: () => isOn,
    state: async () => {
      const info = await ask('INFO', 'persistence');
      return /aof_enabled:1/.test(info) ? /aof_state:(\w+)/.exec(info)?.[1] : 'ready';
    },
    async appendonly(value) {
      if (value === 'no') isOn = false;
      await ask('CONFIG', 'SET', 'appendonly', value);
      isOn = value === 'yes';
    },
    async close() {
      await server.close();
      client.socket.destroy();
      admin.socket.destroy();
    },
  };
}

/** As much of a client as is needed here. */
class Client {
  constructor(socket) {
    this.socket = socket;
    this.pending = Buffer.alloc(0);
    this.waiters = [];
    socket.on('data', (chunk) => {
      this.pending = Buffer.concat([this.pending, chunk]);
      for (let found = this.parse(0); found !== null && this.waiters.length > 0; found = this.parse(0)) {
        this.pending = this.pending.subarray(found.end);
        this.waiters.shift()(found.value);
      }
    });
    const ended = () => {
      const error = Object.assign(new Error('the connection ended'), { code: 'AOF_CLOSED' });
      for (const waiter of this.waiters.splice(0)) waiter(error);
    };
    socket.on('error', ended).on('close', ended);
  }

  call(...args) {
    const record = [`*${args.length}\r\n`, ...args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`)];
    this.socket.write(record.join(''));
    return new Promise((resolve) => this.waiters.push(resolve));
  }

  parse(at) {
    const line = this.pending.indexOf('\r\n', at);
    if (line < 0) return null;
    const text = this.pending.latin1Slice(at + 1, line);
    const end = line + 2;
    switch (String.fromCharCode(this.pending[at])) {
      case '-':
        return { value: new Error(text), end };
      case ':':
        return { value: Number(text), end };
      case '$': {
        const length = Number(text);
        if (length < 0) return { value: null, end };
        if (this.pending.length < end + length + 2) return null;
        return { value: this.pending.latin1Slice(end, end + length), end: end + length + 2 };
      }
      case '*': {
        const value = [];
        let next = end;
        for (let i = 0; i < Number(text); i++) {
          const item = this.parse(next);
          if (item === null) return null;
          value.push(item.value);
          next = item.end;
        }
        return { value, end: next };
      }
      default:
        return { value: text, end };
    }
  }
}
