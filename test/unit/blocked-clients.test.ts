/**
 * The clients that wait for keys, on the dispatcher alone: a clock that stands still, a log that writes down and refuses when told.
 * Whom redis-server serves in which order is compared in test/interop/blocking.test.ts.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Blocked } from '../../src/commands/blocking.js';
import { ValueType } from '../../src/keyspace/keyspace.js';
import { Argv, fillArgv } from '../../src/resp/argv.js';
import { BLOCKING_LIMITS, BlockedClients, TIMER_MS_MAX } from '../../src/store/blocked-clients.js';
import { createSession } from '../../src/store/loader-session.js';
import { type InProcessClient, InProcessStore } from '../support/in-process-store.js';
import { ManualEnv } from '../support/manual-env.js';
import { Resp2Collector } from '../support/reply-encoder.js';

const REFUSED = 'MISCONF Errors writing to the AOF file: No space left on device';

let env: ManualEnv;
let store: InProcessStore;
let pusher: InProcessClient;

beforeEach(() => {
  env = ManualEnv.inMemory();
  store = new InProcessStore({ now: () => env.nowMs, timers: env.timers });
  pusher = store.client();
});

class Waiter {
  readonly client: InProcessClient;
  private readonly reply = new Resp2Collector();
  blocked: Blocked | null = null;
  /** LSN that the reply waits for; null: it has not come. */
  lsn: number | null = null;

  constructor(inStore: InProcessStore, words: string[]) {
    this.client = inStore.client();
    this.send(words);
  }

  send(words: string[]): void {
    this.lsn = null;
    const answer = execute(this.client, words, this.reply);
    if (answer === undefined) return;
    if (answer instanceof Promise) throw new Error(`${words[0]} gave a promise`);
    this.blocked = answer;
    answer.onEnd = (lsn) => {
      this.lsn = lsn;
    };
  }

  /** What came since the last call. */
  get text(): string {
    return this.reply.take().toString('latin1');
  }
}

function execute({ store: { dispatcher }, session }: InProcessClient, words: string[], reply: Resp2Collector) {
  return dispatcher.execute(session, fillArgv(new Argv(), words), reply);
}

const wait = (...words: string[]) => new Waiter(store, words);
const blocked = () => store.dispatcher.blocked;

describe('being served', () => {
  it('the reply is written before the pusher goes on, and waits for the record of its own pop', () => {
    const waiter = wait('BLPOP', 'k', '0');
    expect(waiter.text).toBe('');
    expect(pusher.call('RPUSH', 'k', 'x')).toBe(1);
    expect(waiter.text).toBe('*2\r\n$1\r\nk\r\n$1\r\nx\r\n');
    expect(waiter.lsn).toBe(store.dispatcher.lastLsn);
    expect(waiter.client.session.lastWriteLsn).toBe(waiter.lsn);
    // The pusher's own write came before.
    expect(pusher.session.lastWriteLsn).toBe(store.dispatcher.lastLsn - 1);
    expect(store.log.take()).toEqual([
      ['SELECT', '0'],
      ['RPUSH', 'k', 'x'],
      ['LPOP', 'k'],
    ]);
    expect(blocked().count).toBe(0);
  });

  it('an expired key is deleted and logged when the command begins to wait, not when it ends', () => {
    pusher.call('RPUSH', 'k', 'x');
    pusher.call('PEXPIRE', 'k', '10');
    store.log.take();
    env.advance(11);
    wait('BLPOP', 'k', '0');
    expect(store.log.take()).toEqual([['DEL', 'k']]);
  });
});

describe('a log that takes nothing', () => {
  it('nobody is served; the key stays ready, and is served when the log goes on', () => {
    const [first, second] = [wait('BLPOP', 'k', '0'), wait('BLPOP', 'k', '0')];
    // The push itself uses up the room.
    const { propagateOne } = store.log;
    store.log.propagateOne = (db, argv) => {
      store.log.refusal = REFUSED;
      return propagateOne.call(store.log, db, argv);
    };
    pusher.call('RPUSH', 'k', '1', '2', '3');
    store.log.propagateOne = propagateOne;
    expect([first.text, second.text]).toEqual(['', '']);
    expect(pusher.call('LLEN', 'k')).toBe(3);
    expect(pusher.call('LPOP', 'k')).toMatchObject({ message: REFUSED });
    expect(store.log.take().at(-1)).toEqual(['RPUSH', 'k', '1', '2', '3']);
    store.log.refusal = null;
    blocked().afterUnit();
    expect([first.text, second.text]).toEqual(['*2\r\n$1\r\nk\r\n$1\r\n1\r\n', '*2\r\n$1\r\nk\r\n$1\r\n2\r\n']);
    expect(store.log.take()).toEqual([
      ['LPOP', 'k'],
      ['LPOP', 'k'],
    ]);
    expect(pusher.call('LRANGE', 'k', '0', '-1')).toEqual(['3']);
  });

  it('ends between two waiters: the second one is served later, in its place', () => {
    const [first, second, other] = [wait('BLPOP', 'a', '0'), wait('BLPOP', 'a', '0'), wait('BLPOP', 'b', '0')];
    const { propagateUnit } = store.log;
    let units = 0;
    store.log.propagateUnit = (effects) => {
      units++;
      if (units === 2) store.log.refusal = REFUSED;
      return propagateUnit.call(store.log, effects);
    };
    pusher.call('MULTI');
    pusher.call('RPUSH', 'a', '1', '2');
    pusher.call('RPUSH', 'b', '3');
    pusher.call('EXEC');
    expect([first.text !== '', second.text, other.text]).toEqual([true, '', '']);
    store.log.refusal = null;
    // Any command that ends lets them go on.
    pusher.call('EXISTS', 'nothing');
    expect(store.log.take().slice(-3)).toEqual([
      ['LPOP', 'a'],
      ['LPOP', 'a'],
      ['LPOP', 'b'],
    ]);
    expect([second.lsn !== null, other.lsn !== null]).toEqual([true, true]);
  });

  it('begins no wait, and ends one whose time is over without waiting for the log', () => {
    const waiter = wait('BLPOP', 'k', '1');
    store.log.refusal = REFUSED;
    expect(wait('BLPOP', 'k', '0').text).toBe(`-${REFUSED}\r\n`);
    env.advance(1000);
    expect(waiter.text).toBe('*-1\r\n');
  });

  it('while the dataset is loaded again nobody is served; afterwards whoever can be', () => {
    const waiter = wait('BLPOP', 'k', '0');
    store.dispatcher.isLoading = true;
    store.load(0, 'RPUSH', 'k', '1', '2');
    expect(waiter.text).toBe('');
    store.dispatcher.isLoading = false;
    expect(pusher.call('GET', 'other')).toBeNull();
    expect(waiter.text).toBe('*2\r\n$1\r\nk\r\n$1\r\n1\r\n');
  });
});

describe('the end of a wait', () => {
  it('comes with the time, not before', () => {
    const waiter = wait('BLMOVE', 'a', 'b', 'LEFT', 'LEFT', '0.1001');
    expect(blocked().timedCount).toBe(1);
    env.advance(100);
    expect(waiter.text).toBe('');
    env.advance(1);
    expect(waiter.text).toBe('*-1\r\n');
    expect([blocked().count, blocked().timedCount]).toEqual([0, 0]);
    expect(pusher.call('RPUSH', 'a', '1')).toBe(1);
    expect(store.log.take().at(-1)).toEqual(['RPUSH', 'a', '1']);
  });

  it('a time-out that no timer takes is waited for in pieces', () => {
    const seconds = (2.5 * TIMER_MS_MAX) / 1000;
    const waiter = wait('BLPOP', 'k', String(seconds));
    for (let i = 0; i < 2; i++) env.advance(TIMER_MS_MAX);
    env.advance(TIMER_MS_MAX / 2 - 1);
    expect(waiter.text).toBe('');
    env.advance(1);
    expect(waiter.text).toBe('*-1\r\n');
  });

  it('who was served is not timed out later', () => {
    const waiter = wait('BLPOP', 'k', '1');
    pusher.call('RPUSH', 'k', '1');
    expect(waiter.text).toContain('$1\r\n1');
    env.advance(2000);
    expect(waiter.text).toBe('');
  });

  it('a session that is forgotten gets nothing, and nothing is popped for it', () => {
    const [gone, next] = [wait('BLPOP', 'k', '1'), wait('BLPOP', 'k', '0')];
    store.dispatcher.forget(gone.client.session);
    store.dispatcher.forget(gone.client.session);
    pusher.call('RPUSH', 'k', '1', '2');
    expect([gone.text, next.text]).toEqual(['', '*2\r\n$1\r\nk\r\n$1\r\n1\r\n']);
    expect(pusher.call('LLEN', 'k')).toBe(1);
    env.advance(5000);
    expect(gone.text).toBe('');
  });

  it('CLIENT UNBLOCK ends it as the time does, or with an error, once', () => {
    const waiter = wait('BLPOP', 'k', '0');
    expect(blocked().unblock(waiter.client.session, false)).toBe(true);
    expect(waiter.text).toBe('*-1\r\n');
    waiter.send(['BLPOP', 'k', '0']);
    expect(blocked().unblock(waiter.client.session, true)).toBe(true);
    expect([waiter.text, waiter.lsn]).toEqual(['-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n', 0]);
    expect(blocked().unblock(waiter.client.session, true)).toBe(false);
  });
});

describe('limits', () => {
  const { keysPerClientMax } = BLOCKING_LIMITS;
  const blpop = (count: number) => ['BLPOP', ...Array.from({ length: count }, (_, i) => `k${i}`), '0'];

  it('one client waits for so many keys and no more', () => {
    const waiter = new Waiter(store, blpop(keysPerClientMax + 1));
    expect(waiter.text).toBe(`-ERR a client can wait for ${keysPerClientMax} keys and no more\r\n`);
    expect([blocked().count, store.internalErrors]).toEqual([0, []]);
    waiter.send(blpop(keysPerClientMax));
    expect(waiter.text).toBe('');
    pusher.call('RPUSH', `k${keysPerClientMax - 1}`, 'x');
    expect(waiter.text).toBe(`*2\r\n$6\r\nk${keysPerClientMax - 1}\r\n$1\r\nx\r\n`);
  });

  it('so do all of them together; what ended makes room', () => {
    const runner = { lastLsn: 0, readLsn: 0, beginServing: () => true, serve: () => {}, endServing: () => {} };
    const limits = { keysPerClientMax: 3, keysMax: 4 };
    const clients = new BlockedClients({ keyspace: store.keyspace, clock: env.clock, timers: env.timers, runner, limits });
    const begin = (id: number, ...words: string[]) => {
      const session = createSession(id, 'client', 0);
      const keys = { firstKey: 1, lastKey: words.length - 1, type: ValueType.list };
      const ends = { timeoutMs: 0, serve: () => {}, expire: () => {} };
      clients.block(session, fillArgv(new Argv(), words), new Resp2Collector(), { ...keys, ...ends });
      return session;
    };
    // An embedded store has one number for many waits.
    const first = begin(1, 'BLPOP', 'a', 'b');
    expect(() => begin(1, 'BLPOP', 'a', 'b')).toThrow('ERR a client can wait for 3 keys and no more');
    begin(1, 'BLPOP', 'c');
    begin(2, 'BLPOP', 'a');
    expect(() => begin(3, 'BLPOP', 'a')).toThrow('ERR all clients together can wait for 4 keys and no more');
    expect(clients.count).toBe(3);
    clients.forget(first);
    begin(3, 'BLPOP', 'a', 'b');
  });
});
