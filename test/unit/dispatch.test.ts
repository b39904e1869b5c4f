/** What happens around a command: refusals, queueing, watches, propagation, loading. In process, with a clock of its own. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { CommandSpec } from '../../src/commands/spec.js';
import { type InProcessClient, InProcessStore } from '../support/in-process-store.js';
import { RespError } from '../support/resp-client.js';

let nowMs: number;
let store: InProcessStore;
let a: InProcessClient;
let b: InProcessClient;

beforeEach(() => {
  nowMs = 1_700_000_000_000;
  store = new InProcessStore({ now: () => nowMs, extraCommands: probes });
  a = store.client();
  b = store.client();
});

function probe(name: string, execute: CommandSpec['execute'], more: Partial<CommandSpec> = {}): CommandSpec {
  const described = { arity: -1, flags: ['write'], keys: null, categories: [], summary: '', since: '', group: 'test' } as const;
  return { name, ...described, execute, ...more };
}

let release: () => void = () => {};

const probes: CommandSpec[] = [
  probe('ping', (ctx) => ctx.reply.simple('PONG'), { flags: ['fast'], showsNoData: true }),
  probe('probe.throw', () => {
    throw new RangeError('a bug');
  }),
  probe('probe.wait', async (ctx) => {
    const { argv, reply } = ctx;
    const text = argv.text(1);
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    reply.bulk(text);
  }),
  probe('probe.admin', (ctx) => ctx.reply.simple('OK'), { flags: ['loading', 'no_auth', 'no_multi'], showsNoData: true }),
];

function pass(ms: number): void {
  nowMs += ms;
}

function error(text: string): RespError {
  return new RespError(text);
}

describe('a batch', () => {
  it('has one time for its brief commands; what takes long, and what comes after it, reads the clock again', () => {
    const { dispatcher } = store;
    dispatcher.beginBatch();
    a.call('SET', 'k', 'v', 'PX', '10');
    pass(11);
    expect(a.call('GET', 'k')).toBe('v');
    a.call('KEYS', '*');
    expect(a.call('GET', 'k')).toBeNull();
    dispatcher.endBatch();
  });

  it('is over when it is over: the next command has its own time', () => {
    const { dispatcher } = store;
    dispatcher.beginBatch();
    a.call('SET', 'k', 'v', 'PX', '10');
    dispatcher.endBatch();
    pass(11);
    expect(a.call('GET', 'k')).toBeNull();
  });
});

describe('refusals', () => {
  it('a write is refused before it touches anything, and PING with it; reads go on', () => {
    a.call('SET', 'k', '1');
    store.log.refusal = 'MISCONF Errors writing to the AOF file: No space left on device';
    expect(a.call('SET', 'k', '2')).toEqual(error(store.log.refusal));
    expect(a.call('PING')).toEqual(error(store.log.refusal));
    expect(a.call('GET', 'k')).toBe('1');
    expect(store.log.take()).toEqual([
      ['SELECT', '0'],
      ['SET', 'k', '1'],
    ]);
  });

  it('a write that is refused in MULTI breaks the transaction; EXEC with writes is refused as a whole', () => {
    a.call('MULTI');
    a.call('SET', 'k', '1');
    store.log.refusal = 'MISCONF full';
    expect(a.call('EXEC')).toEqual(error('EXECABORT Transaction discarded because of: MISCONF full'));
    expect(a.session.queue).toBeNull();
    a.call('MULTI');
    expect(a.call('SET', 'k', '1')).toEqual(error('MISCONF full'));
    expect(a.call('EXEC')).toEqual(error('EXECABORT Transaction discarded because of previous errors.'));
    a.call('MULTI');
    a.call('GET', 'k');
    expect(a.call('EXEC')).toEqual([null]);
  });

  it('an expired key is hidden while the log takes nothing, and deleted and logged once it does', () => {
    a.call('SET', 'k', '1', 'PX', '5');
    store.log.take();
    nowMs += 10;
    store.log.refusal = 'MISCONF full';
    expect([a.call('GET', 'k'), a.call('DBSIZE'), store.log.take()]).toEqual([null, 1, []]);
    expect(store.dispatcher.expireCycle(() => false)).toBe(0);
    store.log.refusal = null;
    expect([a.call('GET', 'k'), a.call('DBSIZE'), store.log.take()]).toEqual([null, 0, [['DEL', 'k']]]);
  });

  it('NOAUTH for everything but what may run without', () => {
    store.isPasswordRequired = true;
    a.session.isAuthenticated = false;
    expect(a.call('GET', 'k')).toEqual(error('NOAUTH Authentication required.'));
    expect(a.call('PROBE.ADMIN')).toBe('OK');
    expect(a.call('NOSUCH')).toEqual(error("ERR unknown command 'NOSUCH', with args beginning with: "));
  });

  it('LOADING for clients while the dataset is loaded, not for the loader', () => {
    store.dispatcher.isLoading = true;
    expect(a.call('GET', 'k')).toEqual(error('LOADING Redis is loading the dataset in memory'));
    expect(a.call('PROBE.ADMIN')).toBe('OK');
    expect(a.call('MULTI')).toBe('OK');
    expect(store.load(0, 'SET', 'k', '1')).toBeUndefined();
    store.dispatcher.isLoading = false;
    expect(b.call('GET', 'k')).toBe('1');
  });

  it('no_multi commands are refused in MULTI and break it', () => {
    a.call('MULTI');
    expect(a.call('PROBE.ADMIN')).toEqual(error('ERR Command not allowed inside a transaction'));
    expect(a.call('EXEC')).toEqual(error('EXECABORT Transaction discarded because of previous errors.'));
  });

  it('an error is one line, whatever words a client used', () => {
    expect(a.raw('a\r\nb').toString()).toBe("-ERR unknown command 'a  b', with args beginning with: \r\n");
    a.call('SET', 'k', '1');
    expect(a.raw('EXPIRE', 'k', '1', 'x\ny').toString()).toBe('-ERR Unsupported option x y\r\n');
  });
});

describe('watches', () => {
  function execAfter(change: () => unknown): unknown {
    a.call('WATCH', 'k');
    change();
    a.call('MULTI');
    a.call('GET', 'k');
    return a.call('EXEC');
  }

  it('any change of a watched key makes EXEC answer null: made, changed, deleted, renamed, given a time, flushed', () => {
    const changes: (() => void)[] = [
      () => b.call('SET', 'k', '1'),
      () => b.call('APPEND', 'k', 'x'),
      () => b.call('EXPIRE', 'k', '100'),
      () => b.call('PERSIST', 'k'),
      () => b.call('RENAME', 'k', 'other'),
      () => b.call('RENAME', 'other', 'k'),
      () => b.call('COPY', 'k', 'copy'),
      () => b.call('MOVE', 'k', '1'),
      () => b.call('SWAPDB', '0', '1'),
      () => b.call('FLUSHDB'),
    ];
    expect(changes.map((change) => execAfter(change) === null)).toEqual(changes.map((_, i) => i !== 6));
  });

  it('a change that changes nothing does not', () => {
    expect(execAfter(() => b.call('DEL', 'k'))).toEqual([null]);
    expect(execAfter(() => b.call('FLUSHALL'))).toEqual([null]);
    expect(execAfter(() => b.call('GET', 'k'))).toEqual([null]);
  });

  it("the watcher's own change counts, UNWATCH and another EXEC forget", () => {
    expect(execAfter(() => a.call('SET', 'k', '1'))).toBeNull();
    expect(execAfter(() => [a.call('SET', 'k', '2'), a.call('UNWATCH')])).toEqual(['2']);
    a.call('MULTI');
    expect(a.call('EXEC')).toEqual([]);
  });

  it('a watched key that expires breaks it, even when nobody has met it yet', () => {
    a.call('SET', 'k', '1', 'PX', '5');
    expect(execAfter(() => pass(10))).toBeNull();
    a.call('SET', 'k', '1', 'PX', '5');
    expect(execAfter(() => [pass(10), b.call('GET', 'k')])).toBeNull();
  });

  it('a key that had expired when it was watched may go; made again it breaks it', () => {
    a.call('SET', 'k', '1', 'PX', '5');
    nowMs += 10;
    expect(execAfter(() => b.call('GET', 'k'))).toEqual([null]);
    a.call('SET', 'k', '1', 'PX', '5');
    nowMs += 10;
    expect(execAfter(() => b.call('SET', 'k', '2'))).toBeNull();
  });

  it('a watch is on a database and not on another', () => {
    b.call('SELECT', '1');
    expect(execAfter(() => b.call('SET', 'k', '1'))).toEqual([null]);
  });

  it('a connection that ended is forgotten', () => {
    a.call('WATCH', 'k');
    store.dispatcher.forget(a.session);
    b.call('SET', 'k', '1');
    expect([a.session.isWatchBroken, a.session.watched]).toEqual([false, []]);
  });
});

describe('what the caller learns', () => {
  it('a reply that shows data waits for everything propagated before it; one that shows none does not', () => {
    const { dispatcher } = store;
    const seen = (...line: string[]) => {
      a.call(...line);
      return [dispatcher.lastShowsData, dispatcher.lastLsn, a.session.lastWriteLsn];
    };
    expect(seen('SET', 'k', '1')).toEqual([true, 1, 1]);
    expect(seen('GET', 'k')).toEqual([true, 1, 1]);
    expect(seen('PING')).toEqual([false, 1, 1]);
    expect(seen('SET', 'k')).toEqual([false, 1, 1]);
    expect(seen('MULTI')).toEqual([false, 1, 1]);
    expect(seen('INCR', 'k')).toEqual([false, 1, 1]);
    b.call('SET', 'x', '1');
    expect(seen('EXEC')).toEqual([true, 3, 3]);
    expect(b.session.lastWriteLsn).toBe(2);
  });

  it('a bug in a command is an error reply and a report, never an exception', () => {
    expect(a.call('PROBE.THROW')).toEqual(error('ERR internal error'));
    expect(a.session.closeAfterReply).toBe(true);
    expect(store.internalErrors).toEqual([new RangeError('a bug')]);
    expect(b.call('SET', 'k', '1')).toBe('OK');
  });

  it('a log that throws is reported, and the next command is logged again', () => {
    const propagateOne = store.log.propagateOne.bind(store.log);
    store.log.propagateOne = () => {
      throw new RangeError('too long');
    };
    expect(a.call('SET', 'k', '1')).toBe('OK');
    expect(store.internalErrors).toEqual([new RangeError('too long')]);
    store.log.propagateOne = propagateOne;
    a.call('SET', 'k', '2');
    expect(store.log.take()).toEqual([
      ['SELECT', '0'],
      ['SET', 'k', '2'],
    ]);
  });

  it('a command that answers later keeps its own context', async () => {
    const pending = a.later('PROBE.WAIT', 'mine');
    expect(b.call('SET', 'k', 'other')).toBe('OK');
    release();
    expect(await pending).toBe('mine');
    expect(store.log.take()).toEqual([
      ['SELECT', '0'],
      ['SET', 'k', 'other'],
    ]);
  });

  it('nothing is handed to a log that is switched off', () => {
    store.log.isEnabled = false;
    a.call('SET', 'k', '1', 'EX', '5');
    a.call('SET', 'k', '1');
    store.log.isEnabled = true;
    a.call('DEL', 'k');
    expect(store.log.take()).toEqual([
      ['SELECT', '0'],
      ['DEL', 'k'],
    ]);
  });
});

describe('loading', () => {
  it('a time that is past is stored, the key is there for later commands, and nothing is propagated', () => {
    expect(store.load(0, 'SET', 'k', '1', 'PXAT', '1000')).toBeUndefined();
    expect(store.load(0, 'INCR', 'k')).toBeUndefined();
    expect(store.load(0, 'PEXPIREAT', 'k', '2000')).toBeUndefined();
    expect(store.load(0, 'EXPIRE', 'k', '-5')).toBeUndefined();
    expect(store.log.take()).toEqual([]);
    expect(store.keyspace.databases[0]?.size).toBe(1);
    expect(a.call('GET', 'k')).toBeNull();
    expect(store.log.take()).toEqual([
      ['SELECT', '0'],
      ['DEL', 'k'],
    ]);
  });

  it('relative forms of old logs count from now', () => {
    store.load(2, 'SETEX', 'k', '10', 'v');
    store.load(2, 'SET', 'l', 'v');
    store.load(2, 'EXPIRE', 'l', '20');
    a.call('SELECT', '2');
    expect([a.call('PTTL', 'k'), a.call('TTL', 'l')]).toEqual([10_000, 20]);
  });

  it('an error reply is reported, an unknown command or arity refuses the file', () => {
    store.load(0, 'SET', 'k', 'x');
    expect(store.load(0, 'INCR', 'k')).toBe('ERR value is not an integer or out of range');
    expect(store.load(0, 'SET', 'k', 'y')).toBeUndefined();
    expect(() => store.load(0, 'NOSUCH', 'k')).toThrow("Unknown command 'NOSUCH'");
    expect(() => store.load(0, 'SET', 'k')).toThrow("wrong number of arguments for 'set' command");
    expect(() => store.load(99, 'SET', 'k', 'v')).toThrow('out of range');
  });

  it('SELECT inside a record moves nothing but that record', () => {
    store.load(0, 'SELECT', '3');
    store.load(0, 'SET', 'k', 'v');
    expect(store.keyspace.databases[0]?.size).toBe(1);
  });
});

describe('the expire cycle', () => {
  it('logs each deletion by itself, as lazyfree-lazy-expire says, and breaks watches', () => {
    for (let i = 0; i < 3; i++) a.call('SET', `k${i}`, '', 'PX', '5');
    a.call('WATCH', 'k1');
    store.log.take();
    nowMs += 10;
    store.config.set('lazyfree-lazy-expire', 'yes');
    expect(store.dispatcher.expireCycle(() => false)).toBe(3);
    expect(store.log.take().sort()).toEqual([
      ['UNLINK', 'k0'],
      ['UNLINK', 'k1'],
      ['UNLINK', 'k2'],
    ]);
    expect(a.session.isWatchBroken).toBe(true);
  });
});
