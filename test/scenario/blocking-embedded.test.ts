// The embedded store's commands that wait for a list: promises, while everything else stays synchronous.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { AofError, open, ReplyError } from '../../src/index.js';
import { backendNames } from '../support/backends.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

afterEach(removeTempDirs);

/** Whether the promise has settled by the next turn of the event loop. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe.each(backendNames)('waiting for a list on %s', (backend) => {
  it('a typed call that pushes serves the waiters, first come first served, with the shapes of ioredis', async () => {
    await using db = await open({ dir: tempDir('blocking'), backend });
    const waiting = [
      db.blpop('a', 'b', 0),
      db.brpop(['b'], 0),
      db.blpopBuffer('b', 0),
      db.blmove('b', 'moved', 'LEFT', 'RIGHT', 0),
      db.brpoplpush('b', 'moved', 0),
      db.blmpop(0, 1, 'b', 'LEFT', 'COUNT', 2),
      db.blmpopBuffer(0, ...([2, 'c', 'b'] as const), 'RIGHT'),
    ];
    expect(db.rpush('b', 1, 2, 3, 4, 5, 6, 7, 8, 9)).toBe(9);
    // Already popped when rpush returns: nobody in between sees what is not theirs.
    expect(db.lrange('b', 0, -1)).toEqual(['6']);
    expect(db.lrange('moved', 0, -1)).toEqual(['8', '3']);
    expect(await Promise.all(waiting)).toEqual([
      ['b', '1'],
      ['b', '9'],
      [Buffer.from('b'), Buffer.from('2')],
      '3',
      '8',
      ['b', ['4', '5']],
      [Buffer.from('b'), [Buffer.from('7')]],
    ]);
  });

  it('what is there already comes at once; call() never waits', async () => {
    await using db = await open({ dir: tempDir('blocking'), backend });
    db.rpush('a', '1', '2');
    const now = db.blpop('a', 0);
    expect(db.llen('a')).toBe(1);
    expect(await now).toEqual(['a', '1']);
    expect(db.call('BLPOP', 'nothing', 0)).toBeNull();
    expect(db.call('BLMOVE', 'nothing', 'a', 'LEFT', 'LEFT', 0)).toBeNull();
    expect(db.call('BLPOP', 'a', 0)).toEqual(['a', '2']);
  });

  it('in multi() nothing waits, and its pushes serve when it is over', async () => {
    await using db = await open({ dir: tempDir('blocking'), backend });
    const waiting = db.blpop('a', 0);
    expect(
      db.multi((tx) => {
        tx.blpop('none', 0);
        tx.rpush('a', '1');
        tx.blpop('a', 0);
        tx.rpush('a', '2');
      }),
    ).toEqual([null, 1, ['a', '1'], 1]);
    expect(await waiting).toEqual(['a', '2']);
  });

  it('null when the time is over; an error reply rejects', async () => {
    await using db = await open({ dir: tempDir('blocking'), backend });
    expect(await db.blpop('a', 0.01)).toBeNull();
    db.set('text', 'x');
    await expect(db.blpop('text', 0)).rejects.toThrow(ReplyError);
    await expect(db.blpop('text', 0)).rejects.toThrow('WRONGTYPE');
    await expect(db.blpop('a', -1)).rejects.toThrow('ERR timeout is negative');
    await expect(db.blpop('a', 'x')).rejects.toThrow('ERR timeout is not a float or out of range');
  });

  it('waits in the database that was selected when it began', async () => {
    await using db = await open({ dir: tempDir('blocking'), backend });
    db.select(1);
    const waiting = db.blpop('a', 0);
    db.select(0);
    db.rpush('a', 'zero');
    expect(await isSettled(waiting)).toBe(false);
    db.move('a', 1);
    expect(await waiting).toEqual(['a', 'zero']);
  });

  it('what was popped by a waiter is gone after a restart, and only that', async () => {
    const dir = tempDir('blocking');
    {
      await using db = await open({ dir, backend });
      const waiting = [db.blpop('a', 0), db.blmove('a', 'b', 'LEFT', 'RIGHT', 0)];
      db.rpush('a', '1', '2', '3');
      await Promise.all(waiting);
    }
    await using db = await open({ dir, backend });
    expect([db.lrange('a', 0, -1), db.lrange('b', 0, -1)]).toEqual([['3'], ['2']]);
  });

  it('close() rejects what waits with AOF_CLOSED, at once', async () => {
    const db = await open({ dir: tempDir('blocking'), backend });
    const waiting = [db.blpop('a', 0), db.blmpop(100, 1, 'b', 'LEFT')];
    const rejected = Promise.allSettled(waiting);
    const closing = db.close();
    const outcomes = await rejected;
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'AOF_CLOSED' } });
      expect(outcome.status === 'rejected' && outcome.reason).toBeInstanceOf(AofError);
    }
    await expect(db.blpop('a', 0)).rejects.toThrow(/closed/);
    await closing;
    await expect(db.blpop('a', 0)).rejects.toMatchObject({ code: 'AOF_CLOSED' });
  });

  it('a wait, with or without a time-out, does not keep the process alive', () => {
    const script = `
      const { open } = require(${JSON.stringify(join(process.cwd(), 'dist', 'cjs', 'index.js'))});
      open({ dir: ${JSON.stringify(tempDir('blocking'))}, backend: '${backend}' }).then((db) => {
        db.blpop('a', 0);
        db.blpop('b', 1000);
        console.log('waiting');
      });`;
    const child = spawnSync(process.execPath, ['-e', script], { timeout: 20_000, encoding: 'utf8' });
    expect([child.stdout, child.stderr, child.signal, child.status]).toEqual(['waiting\n', '', null, 0]);
  });
});
