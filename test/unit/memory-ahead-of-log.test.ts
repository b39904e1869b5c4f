// A store on files in memory whose log throws when it is given a record, or whose command throws after it may have changed something:
// what memory then holds and the log does not must not be built upon.
import { describe, expect, it } from 'vitest';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import type { Env } from '../../src/env/env.js';
import { EmbeddedStore } from '../../src/store/embedded-store.js';
import { ManualEnv } from '../support/manual-env.js';

async function openOn(env: ManualEnv): Promise<EmbeddedStore> {
  let wrecked: EmbeddedStore | null = null;
  const opening = EmbeddedStore.open(
    { dir: '/data', appendfsync: 'always' },
    {
      createEnv: () => env,
      loadBackend: async (on: Env) => {
        const backend = guardBackend(createFallbackBackend(on));
        const openLog = backend.openLog.bind(backend);
        // A record that holds the word is one that the log cannot take.
        backend.openLog = async (options) => {
          const log = await openLog(options);
          for (const name of ['append', 'appendArray', 'appendRaw'] as const) {
            const take = (log[name] as (...args: unknown[]) => number).bind(log);
            (log as unknown as Record<string, unknown>)[name] = (...args: unknown[]) => {
              if (args.some((arg) => String(arg).includes('poison'))) throw new RangeError('a record too many');
              return take(...args);
            };
          }
          return log;
        };
        return backend;
      },
      random: () => 0.5,
      usedMemory: () => 0,
    },
  ).then((store) => {
    wrecked = store;
  });
  opening.catch(() => {});
  await env.until(() => wrecked !== null);
  if (wrecked === null) throw new Error('not open');
  return wrecked;
}

describe('memory that is ahead of the log', () => {
  it('is a log that has failed: told by an event, writes refused, waiters rejected, reads answered', async () => {
    const env = ManualEnv.inMemory('/data');
    const store = await openOn(env);
    const failures: string[] = [];
    store.on('failed', (error) => failures.push(`${error.code} ${error.message}`));
    store.set('a', '1');
    const first = store.synced();
    await env.settle(10);
    await first;
    store.set('b', '2');
    const waiting = store.synced().then(
      () => 'resolved',
      (error: { code: string }) => error.code,
    );
    store.set('poison', 'x');
    expect(failures).toEqual([expect.stringMatching(/^AOF_FAILED an internal error in 'set' .*restart/)]);
    expect(() => store.set('c', '3')).toThrow(/MISCONF/);
    expect(store.get('poison')).toBe('x');
    expect(store.get('a')).toBe('1');
    expect(await waiting).toBe('AOF_FAILED');
    await expect(store.close()).rejects.toMatchObject({ code: 'AOF_FAILED' });
    const again = await openOn(new ManualEnv(env.files));
    expect([again.get('a'), again.get('poison'), again.get('c')]).toEqual(['1', null, null]);
  });
});
