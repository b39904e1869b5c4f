/** close() beside everything that may be under way, and several logs in one process. */
import { afterEach, describe, expect, it } from 'vitest';
import { closeRigs, LogRig } from '../support/log-rig.js';
import { nativeFactory } from '../support/native-factory.js';

const native = nativeFactory();
const MEGABYTE = 'v'.repeat(1024 * 1024);

describe.skipIf(native === null)('close', () => {
  afterEach(closeRigs);
  const backend = () => {
    if (native === null) throw new Error('skipped');
    return native.makeBackend();
  };

  it('waits for the write and the sync that are under way, and the loop turns meanwhile', async () => {
    const rig = await LogRig.open(backend());
    for (let i = 0; i < 64; i++) rig.log.append('SET', `k${i}`, MEGABYTE);
    rig.log.flush(true);
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    await rig.log.close();
    clearInterval(counting);
    expect(rig.payload().length).toBeGreaterThan(64 * MEGABYTE.length);
    expect(turns).toBeGreaterThan(2);
  });

  it('drops what was not flushed, and nothing else', async () => {
    const rig = await LogRig.open(backend());
    rig.log.append('SET', 'flushed', 'v');
    rig.log.flush(false);
    rig.log.append('SET', 'not', 'v');
    await rig.log.close();
    expect(rig.payload().toString()).toContain('flushed');
    expect(rig.payload().toString()).not.toContain('not');
  });

  it('beside openNext() and truncate() settles all three promises', async () => {
    const rig = await LogRig.open(backend());
    rig.log.append('PING');
    await rig.flush(true);
    const results = await Promise.allSettled([
      rig.log.truncate(0),
      rig.log.openNext({ path: rig.path, position: 0, session: '89abcdef' }),
      rig.log.close(),
    ]);
    expect(results[2]?.status).toBe('fulfilled');
  });

  it('of one log leaves the others of the process alone', async () => {
    const rigs = await Promise.all(Array.from({ length: 6 }, () => LogRig.open(backend())));
    for (let round = 0; round < 50; round++) {
      for (const [i, rig] of rigs.entries()) {
        rig.log.append('SET', `log${i}`, `round${round}`);
        rig.log.flush(round % 7 === i);
      }
    }
    const [first, ...others] = rigs;
    await first?.log.close();
    for (const rig of others) rig.log.append('PING');
    await Promise.all(others.map((rig) => rig.flush(true)));
    for (const [i, rig] of rigs.entries()) {
      const keys = rig.payload().toString().match(/log\d/g) ?? [];
      expect(new Set(keys)).toEqual(new Set([`log${i}`]));
      expect(keys).toHaveLength(50);
    }
  });
});
