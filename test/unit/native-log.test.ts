// What stands between the addon's functions and the block log, over functions that the test decides: arguments and errors.
import { expect, it } from 'vitest';
import type { Binding, LogFunctions } from '../../src/backend/native/binding.js';
import { NativeLog } from '../../src/backend/native/native-log.js';

const OPTIONS = {
  path: '/d/a.aof',
  position: 0,
  session: '0123abcd',
  lsn: 0,
  checksum: true,
  retainUntilSynced: true,
  onProgress: () => {},
};

/** As the addon's errors are. */
function addonError(errno: number): Error {
  return Object.assign(new Error(`errno ${errno}, as the test wants`), { errno, offset: -1 });
}

function openOver(functions: Partial<LogFunctions>): Promise<NativeLog> {
  const binding: Pick<Binding, 'openLog'> = { openLog: async () => functions as LogFunctions };
  return NativeLog.open(binding as Binding, OPTIONS);
}

it.each([
  ['truncate', (log: NativeLog) => log.truncate(4)],
  ['roll', (log: NativeLog) => log.roll({ path: '/d/a.aof', position: 0, session: '0123abcd' })],
  ['openNext', (log: NativeLog) => log.openNext({ path: '/d/a.aof', position: 0, session: '0123abcd' })],
  ['close', (log: NativeLog) => log.close()],
] as const)('an error of %s is told, with the path', async (name, act) => {
  const log = await openOver({ [name]: () => Promise.reject(addonError(5)) });
  await expect(act(log)).rejects.toMatchObject({ code: 'AOF_IO', path: '/d/a.aof' });
});

it('flush and truncate hand on what they were given', async () => {
  const calls: unknown[] = [];
  const log = await openOver({
    flush: (sync) => void calls.push(['flush', sync]),
    truncate: async (offset) => void calls.push(['truncate', offset]),
  });
  log.flush(true);
  log.flush(false);
  await log.truncate(4);
  expect(calls).toEqual([
    ['flush', true],
    ['flush', false],
    ['truncate', 4],
  ]);
});
