// A process was killed while it started for the first time. What the next one acknowledges must not hang on entries that nobody synced.
import { describe, expect, it } from 'vitest';
import { EngineLife } from '../support/sim/engine-life.js';
import { SimFiles } from '../support/sim/sim-files.js';

async function commandsAfterPowerLoss(files: SimFiles): Promise<readonly string[]> {
  const [least] = files.crashStates({ imagesMax: 1 });
  if (least === undefined) throw new Error('no state');
  const life = new EngineLife(SimFiles.afterPowerLoss(least), {}, 2);
  await life.finish(life.engine.open());
  return life.commands;
}

describe('a start that was killed before it had synced the directory it made', () => {
  it.each([
    ['the AOF directory', ['/', '/data'], ['/data/appendonlydir']],
    ['dir', ['/'], ['/data']],
  ])('%s is made durable by the next one', async (_, there, made) => {
    const first = new SimFiles(...there.filter((path) => path !== '/'));
    for (const path of made) await first.mkdir(path);
    const files = first.afterKill();
    const life = new EngineLife(files, { appendfsync: 'always' }, 1);
    await life.finish(life.engine.open());
    await life.finish(life.engine.synced(life.append([[0, 'SET', 'k', 'v']])));
    expect(await commandsAfterPowerLoss(files)).toEqual(['0 SET k v']);
  });
});
