// The simulated disk keeps apart what is seen and what survives. Each test makes one situation and looks at every crash state of it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { crashStates } from '../support/sim/crash-states.js';
import { formatOperation } from '../support/sim/disk-operation.js';
import { Image, materialize } from '../support/sim/image.js';
import { readTrace, replay } from '../support/sim/replay.js';
import { SimFiles } from '../support/sim/sim-files.js';

const text = (...parts: string[]) => parts.map((part) => Buffer.from(part));

/** What the crash states hold at this path, once each; '-': no file. */
function outcomes(files: SimFiles, path: string): Set<string> {
  const found = new Set<string>();
  for (const image of files.crashStates()) found.add(image.bytes(path)?.toString() ?? '-');
  return found;
}

async function fileWith(files: SimFiles, path: string, content: string) {
  const handle = await files.open(path, 'create');
  await handle.write(text(content));
  await handle.sync();
  await files.syncDirectory('/d');
  return handle;
}

describe('a simulated power loss', () => {
  it('keeps what was synced, and may keep, lose, tear or blank what was not', async () => {
    const files = new SimFiles('/d');
    const handle = await fileWith(files, '/d/a', 'sure.');
    await handle.write(text('maybe'));
    const found = outcomes(files, '/d/a');
    expect(found).toContain('sure.');
    expect(found).toContain('sure.maybe');
    expect(found).toContain('sure.\0\0\0\0\0');
    expect([...found].some((content) => content.length > 5 && content.length < 10)).toBe(true);
    for (const content of found) expect(content.startsWith('sure.')).toBe(true);
    await handle.datasync();
    expect([...outcomes(files, '/d/a')]).toEqual(['sure.maybe']);
  });

  it('may take a synced file whose entry was not synced', async () => {
    const files = new SimFiles('/d');
    const handle = await files.open('/d/a', 'create');
    await handle.write(text('x'));
    await handle.sync();
    expect(outcomes(files, '/d/a')).toEqual(new Set(['-', 'x']));
    await files.syncDirectory('/d');
    expect(outcomes(files, '/d/a')).toEqual(new Set(['x']));
  });

  it('undoes a rename and an unlink until the directory is synced, each for itself', async () => {
    const files = new SimFiles('/d');
    files.put('/d/old', 'old');
    files.put('/d/new', 'new');
    files.put('/d/gone', 'gone');
    await files.rename('/d/new', '/d/old');
    await files.unlink('/d/gone');
    const found = [...files.crashStates()].map((image) =>
      ['/d/old', '/d/new', '/d/gone'].map((path) => image.bytes(path)?.toString() ?? '-').join(' '),
    );
    expect(found.sort()).toEqual(['new - -', 'new - gone', 'old new -', 'old new gone']);
    await files.syncDirectory('/d');
    expect([...files.crashStates()]).toHaveLength(1);
  });

  it('shows a file that moved between directories at both places while only the new one is synced', async () => {
    const files = new SimFiles('/d', '/d/sub');
    files.put('/d/a', 'a');
    await files.rename('/d/a', '/d/sub/a');
    await files.syncDirectory('/d/sub');
    expect(outcomes(files, '/d/sub/a')).toEqual(new Set(['a']));
    expect(outcomes(files, '/d/a')).toEqual(new Set(['a', '-']));
    await files.syncDirectory('/d');
    expect(outcomes(files, '/d/a')).toEqual(new Set(['-']));
  });

  it('loses what a failed fdatasync should have covered, although readers see it and the next one returns', async () => {
    const files = new SimFiles('/d');
    const handle = await fileWith(files, '/d/a', '');
    await handle.write(text('lost'.repeat(1024)));
    files.failNext(/^datasync/, 'EIO');
    await expect(handle.datasync()).rejects.toThrow('EIO');
    await handle.write(text('kept'));
    await handle.datasync();
    expect(files.content('/d/a')).toBe(`${'lost'.repeat(1024)}kept`);
    const found = outcomes(files, '/d/a');
    expect(found).toContain(`${'\0'.repeat(4096)}kept`);
    expect(found).toContain(`${'lost'.repeat(1024)}kept`);
    for (const content of found) expect(content.endsWith('kept')).toBe(true);
  });

  it('holds what is written to such a page later for doubtful too, until the page is cut off or the file is another one', async () => {
    const files = new SimFiles('/d');
    const handle = await fileWith(files, '/d/a', '');
    await handle.write(text('lost'));
    files.failNext(/^datasync/, 'EIO');
    await expect(handle.datasync()).rejects.toThrow('EIO');
    await handle.write(text('more'));
    await handle.datasync();
    expect(outcomes(files, '/d/a').size).toBeGreaterThan(1);
    await handle.truncate(0);
    await handle.write(text('lostmore'));
    await handle.datasync();
    expect(outcomes(files, '/d/a')).toEqual(new Set(['lostmore']));
  });

  it('knows nothing of what returned while the sync ran', async () => {
    const files = new SimFiles('/d');
    const handle = await fileWith(files, '/d/a', '');
    let letGo = () => {};
    files.pace = (operation) =>
      operation.startsWith('datasync') ? new Promise<void>((resolve) => (letGo = resolve)) : undefined;
    const synced = handle.datasync();
    await handle.write(text('late'));
    letGo();
    await synced;
    expect(outcomes(files, '/d/a')).toContain('');
  });

  it('keeps good pages behind a missing one', async () => {
    const files = new SimFiles('/d');
    const handle = await fileWith(files, '/d/a', '');
    await handle.write([Buffer.alloc(20_000, 'x')]);
    const holes = [...outcomes(files, '/d/a')].filter((content) => /x\0+x/.test(content) && content.length === 20_000);
    expect(holes.length).toBeGreaterThan(0);
  });

  it('is bounded and the same again for many changes', async () => {
    const files = new SimFiles('/d');
    for (let i = 0; i < 12; i++) {
      const handle = await files.open(`/d/${i}`, 'create');
      for (let k = 0; k < 12; k++) await handle.write([Buffer.alloc(1000, 65 + k)]);
    }
    const hashes = [...files.crashStates({ imagesMax: 300 })].map(({ hash }) => hash);
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashes.length).toBeGreaterThan(150);
    expect([...files.crashStates({ imagesMax: 300 })].map(({ hash }) => hash)).toEqual(hashes);
  });
});

describe('a killed process', () => {
  it('leaves the page cache to the next one, and nothing more on disk', async () => {
    const files = new SimFiles('/d');
    const handle = await files.open('/d/a', 'create');
    await handle.write(text('x'));
    const next = files.afterKill();
    expect(next.content('/d/a')).toBe('x');
    expect(outcomes(next, '/d/a')).toContain('-');
    await handle.write(text('y'));
    expect(next.content('/d/a')).toBe('x');
    const again = await next.open('/d/a', 'update');
    await again.sync();
    await next.syncDirectory('/d');
    expect(outcomes(next, '/d/a')).toEqual(new Set(['x']));
  });
});

describe('a trace', () => {
  it('as text gives the same disks again, mark by mark', async () => {
    const files = new SimFiles('/d');
    const states: string[][] = [];
    files.onEffect = () => states.push([...files.crashStates()].map(({ hash }) => hash));
    const handle = await files.open('/d/a', 'create');
    await handle.write(text('one', 'two'));
    files.mark('appended', 'two');
    await handle.datasync();
    await files.rename('/d/a', '/d/b');
    files.failNext(/^syncDirectory/, 'EIO');
    await files.syncDirectory('/d').catch(() => {});
    const lines = files.trace.map((operation) => `${formatOperation(operation)}\n`).join('');
    const again: string[][] = [];
    for (const { disk } of replay(readTrace(`${lines}{"op":"unfini`), Image.of({ '/d': null })))
      again.push([...crashStates(disk)].map(({ hash }) => hash));
    expect(again).toEqual(states);
  });
});

describe('an image', () => {
  it('is written to a real directory and told apart by all of its content', () => {
    const directory = mkdtempSync(join(tmpdir(), 'sim-'));
    try {
      const image = Image.of({ '/d/sub/a': 'x', '/d/empty': null });
      materialize(image, directory);
      expect(readFileSync(join(directory, 'd/sub/a'), 'utf8')).toBe('x');
      expect(Image.of({ '/d/empty': null, '/d/sub/a': 'x' }).hash).toBe(image.hash);
      expect(Image.of({ '/d/empty': '', '/d/sub/a': 'x' }).hash).not.toBe(image.hash);
      expect(SimFiles.afterPowerLoss(image).content('/d/sub/a')).toBe('x');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
