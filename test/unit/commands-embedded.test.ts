/** The typed methods: arguments in, JavaScript values out, transactions as one unit. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Reply } from '../../src/commands/reply.js';
import type { Session } from '../../src/commands/session.js';
import type { Argv } from '../../src/resp/argv.js';
import { createSession } from '../../src/store/loader-session.js';
import { TypedMethods } from '../../src/store/typed-methods.js';
import { ReplyError, ValueReply } from '../../src/store/value-reply.js';
import { InProcessStore } from '../support/in-process-store.js';

class Embedded extends TypedMethods {
  readonly store = new InProcessStore();
  private readonly session: Session = createSession(1, 'embedded', 0);
  /** Bytes of the records that commands came in, where they are canonical. */
  lastRecord = '';

  protected override execute(argv: Argv, reply: Reply): void {
    this.lastRecord = argv.bytes.toString('latin1', argv.recordStart, argv.recordEnd);
    this.store.dispatcher.execute(this.session, argv, reply);
  }

  /** Where nothing waits. */
  protected override async executeBlocking(argv: Argv, reply: Reply): Promise<void> {
    this.execute(argv, reply);
  }
}

let db: Embedded;
beforeEach(() => {
  db = new Embedded();
});

describe('arguments', () => {
  it('are encoded as one canonical record, whatever their kind and length', () => {
    const texts = [
      '',
      'a',
      'é',
      '€'.repeat(5),
      '😀',
      '\ud800',
      'x'.repeat(9),
      'é'.repeat(6),
      'é'.repeat(60),
      '€'.repeat(4000),
      'y'.repeat(70_000),
    ];
    for (const text of texts) {
      db.set('k', text);
      const bytes = Buffer.from(text);
      expect(db.lastRecord, JSON.stringify(text.slice(0, 20))).toBe(
        `*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${bytes.length}\r\n${bytes.toString('latin1')}\r\n`,
      );
      expect(db.getBuffer('k')).toEqual(bytes);
    }
    db.set(Buffer.from([0xff, 0]), new Uint8Array([1, 2]));
    expect(db.getBuffer(Buffer.from([0xff, 0]))).toEqual(Buffer.from([1, 2]));
    db.set('n', 1.5);
    expect(db.get('n')).toBe('1.5');
  });

  it('of another kind are refused before anything happens', () => {
    expect(() => db.set('k', null as unknown as string)).toThrow('not an argument: null');
    expect(() => db.set('k', undefined as unknown as string)).toThrow(TypeError);
    expect(() => db.call('SET', 'k', {} as unknown as string)).toThrow(TypeError);
    expect(db.exists('k')).toBe(0);
  });

  it('a huge one does not stay in memory, and the calls after it work', () => {
    db.set('k', Buffer.alloc(3_000_000, 97));
    expect(db.strlen('k')).toBe(3_000_000);
    expect(db.get('k')?.length).toBe(3_000_000);
  });

  it('lists may be spread, arrays, objects or maps', () => {
    expect(db.mset('a', 1, 'b', 2)).toBe('OK');
    expect(db.mset({ c: '3' })).toBe('OK');
    expect(db.mset(new Map([['d', '4']]))).toBe('OK');
    expect(db.mset(['e', '5'])).toBe('OK');
    expect(db.mget('a', 'b')).toEqual(['1', '2']);
    expect(db.mget(['c', 'd', 'e', 'f'])).toEqual(['3', '4', '5', null]);
    expect(db.del(['a', 'b'], 'c')).toBe(3);
  });
});

describe('replies', () => {
  it('are those of ioredis', () => {
    expect([db.set('k', 'v', 'NX'), db.set('k', 'v', 'NX'), db.set('k', 'w', 'GET')]).toEqual(['OK', null, 'v']);
    expect([db.incr('n'), db.incrby('n', 5), db.incrbyfloat('n', '0.5')]).toEqual([1, 6, '6.5']);
    expect([db.expire('k', 100, 'NX'), db.ttl('k'), db.persist('k'), db.ttl('nosuch')]).toEqual([1, 100, 1, -2]);
    expect(db.getrangeBuffer('k', 0, -1)).toEqual(Buffer.from('w'));
    expect(db.scan(0, 'COUNT', 100).map((part) => (Array.isArray(part) ? part.sort() : part))).toEqual(['0', ['k', 'n']]);
    expect(db.call('OBJECT', 'ENCODING', 'k')).toBe('embstr');
    expect(db.callBuffer('MGET', 'k', 'nosuch')).toEqual([Buffer.from('w'), null]);
    db.mset('x', 'ohmytext', 'y', 'mynewtext');
    expect(db.lcs('x', 'y', 'IDX', 'WITHMATCHLEN')).toEqual([
      'matches',
      [
        [[4, 7], [5, 8], 4],
        [[2, 3], [0, 1], 2],
      ],
      'len',
      6,
    ]);
  });

  it('integers beyond 2^53 are bigints', () => {
    db.set('n', '9223372036854775806');
    expect(db.incr('n')).toBe(9223372036854775807n);
    expect(() => db.incr('n')).toThrow('ERR increment or decrement would overflow');
  });

  it('bytes have memory of their own', () => {
    db.set('k', 'abc');
    const bytes = db.getBuffer('k');
    db.setrange('k', 0, 'xyz');
    expect(bytes).toEqual(Buffer.from('abc'));
  });

  it('an error is thrown with the text of Redis and the caller in its stack', () => {
    db.set('k', 'text');
    function caller() {
      db.incr('k');
    }
    try {
      caller();
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ReplyError);
      expect((error as Error).name).toBe('ReplyError');
      expect((error as Error).message).toBe('ERR value is not an integer or out of range');
      expect((error as Error).stack).toContain('caller');
    }
    expect(() => db.call('NOSUCH', 'a')).toThrow("ERR unknown command 'NOSUCH', with args beginning with: 'a' ");
    expect(db.get('k')).toBe('text');
  });

  it('nested arrays are closed in order, and a reply that ends early is a bug that is told', () => {
    const reply = new ValueReply();
    reply.array(3);
    reply.array(0);
    reply.map(1);
    reply.bulk('k');
    reply.array(1);
    reply.nullBulk();
    reply.double(1.5);
    expect(reply.take()).toEqual([[], ['k', [null]], '1.5']);
    reply.array(2);
    reply.integer(1);
    expect(() => reply.take()).toThrow('middle');
    reply.boolean(true);
    expect(reply.take()).toBe(1);
  });
});

describe('multi', () => {
  it('runs as one unit and answers with every reply', () => {
    const replies = db.multi((tx) => {
      tx.set('a', '1');
      tx.incr('a');
      tx.get('a');
      tx.call('DEL', 'nosuch');
    });
    expect(replies).toEqual(['OK', 2, '2', 0]);
    expect(db.store.log.take()).toEqual([['MULTI'], ['SELECT', '0'], ['SET', 'a', '1'], ['INCR', 'a'], ['EXEC']]);
  });

  it('does nothing when the callback throws, or answers with a promise', () => {
    const stop = new Error('stop');
    expect(() =>
      db.multi((tx) => {
        tx.set('a', '1');
        throw stop;
      }),
    ).toThrow(stop);
    expect(() =>
      db.multi((async (tx: { set(key: string, value: string): void }) => {
        tx.set('a', '1');
      }) as never),
    ).toThrow('synchronous');
    expect([db.exists('a'), db.store.log.take()]).toEqual([0, []]);
  });

  it('does nothing when it holds what is no command', () => {
    expect(() =>
      db.multi((tx) => {
        tx.set('a', '1');
        tx.call('NOSUCH');
      }),
    ).toThrow('unknown command');
    expect(db.exists('a')).toBe(0);
    expect(db.multi((tx) => tx.set('a', '1'))).toEqual(['OK']);
  });

  it('does nothing when the log refuses', () => {
    db.store.log.refusal = 'MISCONF full';
    expect(() => db.multi((tx) => tx.set('a', '1'))).toThrow('MISCONF full');
    db.store.log.refusal = null;
    expect(db.exists('a')).toBe(0);
  });

  it('a command that fails has its error in its place, the others are done', () => {
    const replies = db.multi((tx) => {
      tx.set('a', 'x');
      tx.incr('a');
      tx.set('b', 'y');
    });
    expect(replies).toEqual(['OK', new ReplyError('ERR value is not an integer or out of range'), 'OK']);
  });

  it('copies bytes when they are queued, and gives bytes back when any call asked for them', () => {
    const bytes = Buffer.from('abc');
    const replies = db.multi((tx) => {
      tx.set('a', bytes);
      bytes.fill(0);
      tx.getBuffer('a');
    });
    expect(replies).toEqual(['OK', Buffer.from('abc')]);
  });
});
