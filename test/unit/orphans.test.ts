// What a process that was killed left behind: files put in place, or an engine on files in memory that never comes back from a step of
// a roll, and another one that starts over the same files.
import { describe, expect, it } from 'vitest';
import { fateOf, pidOfTempRewrite } from '../../src/aof/orphans.js';
import { AOF, append, INCR, MANIFEST, opened, outcome, type Rig } from '../support/engine-rig.js';
import type { MemoryFiles } from '../support/memory-files.js';

const incr = (seq: number) => `${AOF}/appendonly.aof.${seq}.incr.aof`;

/** Nothing of this engine happens any more; what it has written is there. */
function kill({ env }: Rig): MemoryFiles {
  const { files } = env;
  for (const path of files.paths()) if (path.includes('.lock.')) files.remove(path);
  files.pace = () => undefined;
  files.heal();
  return files;
}

/** The operations that match never return. */
function hangAt(files: MemoryFiles, operation: RegExp): { isReached: boolean } {
  const state = { isReached: false };
  files.pace = (name) => {
    if (!operation.test(name)) return undefined;
    state.isReached = true;
    return new Promise<void>(() => {});
  };
  return state;
}

async function closed(rig: Rig): Promise<MemoryFiles> {
  expect(await outcome(rig.env, rig.engine.close())).toBe('resolved');
  return rig.env.files;
}

describe('a start', () => {
  it('removes temporary files and empty segments that the manifest does not name, and nothing else', async () => {
    const first = await opened();
    append(first, 'SET', 'a', '1');
    const files = await closed(first);
    const before = files.paths();
    const gone = [
      `${AOF}/temp-appendonly.aof.manifest`,
      `${AOF}/temp-appendonly.aof.incr.aof`,
      `${AOF}/temp-appendonly.aof.17.base`,
      incr(2),
      `${AOF}/appendonly.aof.2.base.aof`,
      '/data/temp-rewriteaof-bg-99.aof',
      '/data/temp-rewriteaof-98.aof',
    ];
    const kept = [
      `${AOF}/temp-other.aof.manifest`,
      `${AOF}/appendonly.aof.2.incr.aof.bak`,
      `${AOF}/appendonly.aof.02.incr.aof`,
      `${AOF}/notes.txt`,
      // A process that lives: this one.
      '/data/temp-rewriteaof-bg-4242.aof',
      '/data/temp-7.rdb',
    ];
    for (const path of [...gone, ...kept]) files.put(path, '');
    files.put(`${AOF}/temp-appendonly.aof.manifest`, 'file appendonly.aof.9.incr.aof seq 9 type i\n');
    files.put('/data/temp-rewriteaof-bg-99.aof', 'half a base');
    files.put(`${AOF}/appendonly.aof.2.base.aof`, 'a base that no manifest came to name');
    const second = await opened({}, files);
    expect(second.commands).toEqual(['0 SET a 1']);
    await closed(second);
    expect(files.paths()).toEqual([...before, ...kept].sort());
  });

  it('that is refused clears nothing away', async () => {
    const first = await opened();
    const files = await closed(first);
    files.put(incr(2), '');
    files.put(MANIFEST, 'nonsense\n');
    const before = files.paths();
    await expect(opened({}, files)).rejects.toThrow();
    expect(files.paths()).toEqual(before);
  });

  it('that cannot clear away goes on, and says so', async () => {
    const files = await closed(await opened());
    files.put(incr(2), '');
    files.failNext(/^unlink .*2\.incr/, 'EACCES');
    const second = await opened({}, files);
    expect(second.env.logged.join('\n')).toMatch(/warning Left as it is: clearing away .*2\.incr/);
    append(second, 'SET', 'a', '1');
    await closed(second);
    expect((await opened({}, files)).commands).toEqual(['0 SET a 1']);
  });

  it('without a manifest moves aside what stands where new files go, and truncates nothing', async () => {
    const files = await closed(await opened());
    files.remove(MANIFEST);
    files.put(INCR, '*1\r\n$4\r\nPING\r\n');
    files.put(`${AOF}/appendonly.aof.1.base.aof`, '*1\r\n$4\r\nPONG\r\n');
    await opened({}, files);
    const aside = files.paths().filter((path) => path.includes('.corrupt-'));
    expect(aside.map((path) => files.content(path))).toEqual(['*1\r\n$4\r\nPONG\r\n', '*1\r\n$4\r\nPING\r\n']);
  });
});

describe('a process killed in a roll', () => {
  it.each([
    ['with its new segment empty', /^open:append .*2\.incr/, []],
    ['with its new segment written and not synced', /^datasync .*2\.incr/, ['aside']],
    ['with its new segment synced and not named', /^open:replace .*temp-appendonly.aof.manifest/, ['aside']],
    ['with the manifest written and not switched', /^rename .*temp-appendonly.aof.manifest/, ['aside']],
  ] as const)(
    '%s: the start has what was acknowledged, and deletes no byte that was not in a named file',
    async (_, step, left) => {
      const first = await opened({ appendfsync: 'always' });
      append(first, 'SET', 'a', '1');
      expect(await outcome(first.env, first.engine.synced(first.engine.appendedLsn))).toBe('resolved');
      const { files } = first.env;
      files.failNext(/^datasync .*1\.incr/, 'EIO');
      const hung = hangAt(files, step);
      append(first, 'SET', 'b', '2');
      await first.env.until(() => hung.isReached);
      const rolled = files.content(incr(2));
      kill(first);
      const second = await opened({}, files);
      expect(second.commands[0]).toBe('0 SET a 1');
      const aside = files.paths().filter((path) => path.includes('2.incr.aof.corrupt-'));
      expect(aside.map((path) => files.content(path))).toEqual(left.length === 0 ? [] : [rolled]);
      expect(files.paths().filter((path) => path.includes('temp-'))).toEqual([]);
      expect(files.content(incr(2))).toBeNull();
      // And the next roll finds its way.
      files.failNext(/^datasync .*1\.incr/, 'EIO');
      append(second, 'SET', 'c', '3');
      expect(await outcome(second.env, second.engine.synced(second.engine.appendedLsn))).toBe('resolved');
      await closed(second);
      expect((await opened({}, files)).commands).toEqual(['0 SET a 1', '0 SET b 2', '0 SET c 3']);
    },
  );

  it('before it cleared away a segment that failed: what the manifest has overtaken is removed', async () => {
    const first = await opened({ appendfsync: 'always' });
    const { files } = first.env;
    // The first segment of the roll fails too, and cannot be removed.
    files.failNext(/^datasync .*[12]\.incr/, 'EIO', { times: 2 });
    files.failNext(/^unlink .*2\.incr/, 'EIO', { times: 9 });
    append(first, 'SET', 'a', '1');
    expect(await outcome(first.env, first.engine.synced(first.engine.appendedLsn))).toBe('resolved');
    expect(files.content(MANIFEST)).toMatch(/3\.incr/);
    await first.env.settle();
    expect(files.content(incr(2))).not.toBeNull();
    kill(first);
    const second = await opened({}, files);
    expect(second.commands).toEqual(['0 SET a 1']);
    expect(files.paths().filter((path) => path.includes('2.incr'))).toEqual([]);
  });
});

describe('fates', () => {
  const manifest = {
    base: { name: 'a.4.base.aof', seq: 4, type: 'b' as const },
    history: [{ name: 'a.3.base.aof', seq: 3, type: 'h' as const }],
    incrs: [5, 8].map((seq) => ({ name: `a.${seq}.incr.aof`, seq, type: 'i' as const })),
  };
  it.each([
    ['a.4.base.aof', 'keep'],
    ['a.3.base.aof', 'keep'],
    ['a.5.incr.aof', 'keep'],
    ['a.8.incr.aof', 'keep'],
    ['a.4.incr.aof', 'remove when empty'],
    ['a.2.base.rdb', 'keep'],
    ['a.6.incr.aof', 'remove'],
    ['a.9.incr.aof', 'set aside'],
    ['a.5.base.rdb', 'remove'],
    ['temp-a.manifest', 'remove'],
    ['temp-a.1-2.base', 'remove'],
    ['temp-a.incr.aof', 'remove'],
    ['temp-ab.manifest', 'keep'],
    ['a.manifest', 'keep'],
    ['a.9.incr.aof.corrupt-1-1', 'keep'],
    ['a.09.incr.aof', 'keep'],
    ['b.9.incr.aof', 'keep'],
    ['a.lock.1-2', 'keep'],
  ] as const)('%s: %s', (name, fate) => {
    expect(fateOf('a', manifest, name)).toBe(fate);
  });

  it.each([
    ['temp-rewriteaof-12.aof', 12],
    ['temp-rewriteaof-bg-12.aof', 12],
    ['temp-rewriteaof-bg-12.aof.bak', null],
    ['temp-rewriteaof-x.aof', null],
    ['temp-12.rdb', null],
  ])('%s is of process %s', (name, pid) => {
    expect(pidOfTempRewrite(name)).toBe(pid);
  });
});
