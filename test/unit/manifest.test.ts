/** The manifest: its text, its edits, its durable switch, the upgrade of an old single file. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DirectoryGuard } from '../../src/aof/manifest/directory-guard.js';
import { baseName, incrName, nextBaseSeq, nextIncrSeq, parseFileName } from '../../src/aof/manifest/file-names.js';
import {
  EMPTY_MANIFEST,
  type Manifest,
  type ManifestFile,
  withCut,
  withNewBase,
  withNewIncr,
  withoutCut,
  withoutHistory,
} from '../../src/aof/manifest/manifest.js';
import { formatManifest, parseManifest } from '../../src/aof/manifest/manifest-format.js';
import { ManifestStore } from '../../src/aof/manifest/manifest-store.js';
import { isUpgradeDue, upgradeFromSingleFile } from '../../src/aof/manifest/upgrade.js';
import { AofError } from '../../src/errors.js';
import { MemoryFiles } from '../support/memory-files.js';

const parse = (text: string) => parseManifest(Buffer.from(text, 'latin1'), '/m');

function refusal(text: string): AofError {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof AofError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

describe('text of a manifest', () => {
  it('is what Redis writes, line by line: base, history, incrs', () => {
    const manifest: Manifest = {
      base: { name: 'a.2.base.rdb', seq: 2, type: 'b' },
      history: [{ name: 'a.1.base.rdb', seq: 1, type: 'h' }],
      incrs: [{ name: 'a.3.incr.aof', seq: 3, type: 'i' }],
    };
    const text = 'file a.2.base.rdb seq 2 type b\nfile a.1.base.rdb seq 1 type h\nfile a.3.incr.aof seq 3 type i\n';
    expect(formatManifest(manifest).toString()).toBe(text);
    expect(parse(text)).toEqual(manifest);
  });

  it('may have its pairs in any order, keys in any case, unknown pairs, comments, gaps in seq, carriage returns', () => {
    const text = '#x\n TYPE i Seq 3 FILE b zz "9 9"\r\nfile c seq 7 type i # x\n#\n';
    expect(parse(text).incrs).toEqual([
      { name: 'b', seq: 3, type: 'i' },
      { name: 'c', seq: 7, type: 'i' },
    ]);
  });

  it('may hold nothing but comments', () => {
    expect(parse('# nothing yet\n')).toEqual(EMPTY_MANIFEST);
  });

  it('keeps offsets, cut and lsn of a line', () => {
    const line = 'file b seq 1 type i startoffset 5 endoffset 9 cut 0 lsn 9007199254740991\n';
    expect(parse(line).incrs[0]).toEqual({
      name: 'b',
      seq: 1,
      type: 'i',
      startoffset: 5,
      endoffset: 9,
      cut: 0,
      lsn: Number.MAX_SAFE_INTEGER,
    });
    expect(formatManifest(parse(line)).toString()).toBe(line);
  });

  const ok = 'file a seq 1 type b\n';
  const long = (length: number) => `file b seq 1 type i k ${'x'.repeat(length - 22)}\n`;
  it.each([
    ['a blank line', `${ok}\n`, 2, '', 'Invalid AOF manifest file format'],
    ['a line of blanks', `${ok} \t\r\n`, 2, '', 'Invalid AOF manifest file format'],
    ['too few words', 'file b seq 1\n', 1, 'file b seq 1', 'Invalid AOF manifest file format'],
    ['an odd number of words', 'file b seq 1 type i k\n', 1, 'file b seq 1 type i k', 'Invalid AOF manifest file format'],
    ['a missing file', 'x b seq 1 type i\n', 1, 'x b seq 1 type i', 'Invalid AOF manifest file format'],
    ['a missing seq', 'file b x 1 type i\n', 1, 'file b x 1 type i', 'Invalid AOF manifest file format'],
    ['a missing type', 'file b seq 1 k v\n', 1, 'file b seq 1 k v', 'Invalid AOF manifest file format'],
    ['seq 0', 'file b seq 0 type i\n', 1, 'file b seq 0 type i', 'Invalid AOF manifest file format'],
    ['an empty name', 'file "" seq 1 type i\n', 1, 'file "" seq 1 type i', 'Invalid AOF manifest file format'],
    ['quotes that do not match', 'file "b seq 1 type i\n', 1, 'file "b seq 1 type i', 'Invalid AOF manifest file format'],
    ['an indented comment', ' # x\n', 1, '# x', 'Invalid AOF manifest file format'],
    [
      'a cut that is no number',
      `${ok}file b seq 1 type i cut x\n`,
      2,
      'file b seq 1 type i cut x',
      'Invalid AOF manifest file format',
    ],
    ['a path', 'file x/b seq 1 type i\n', 1, 'file x/b seq 1 type i', "File can't be a path, just a filename"],
    ['a backslash', 'file x\\b seq 1 type i\n', 1, 'file x\\b seq 1 type i', "File can't be a path, just a filename"],
    ['two dots', 'file .. seq 1 type i\n', 1, 'file .. seq 1 type i', "File can't be a path, just a filename"],
    ['a second base', `${ok}file b seq 2 type b\n`, 2, 'file b seq 2 type b', 'Found duplicate base file information'],
    [
      'an incr that does not follow',
      'file b seq 2 type i\nfile c seq 2 type i\n',
      2,
      'file c seq 2 type i',
      'Found a non-monotonic sequence number',
    ],
    ['an unknown type', 'file b seq 1 type x\n', 1, 'file b seq 1 type x', 'Unknown AOF file type'],
    ['a type in capitals', 'file b seq 1 type I\n', 1, 'file b seq 1 type I', 'Unknown AOF file type'],
    [
      'no newline at the end',
      `${ok}file b seq 1 type i`,
      2,
      'file b seq 1 type i',
      'The AOF manifest file contains too long line',
    ],
    ['a line of 1024 bytes', long(1024), 1, null, 'The AOF manifest file contains too long line'],
  ])('is refused for %s', (_, text, lineNumber, line, reason) => {
    const error = refusal(text);
    expect(error).toMatchObject({ code: 'AOF_CORRUPT', path: '/m' });
    expect(error.message).toContain(`Reading the manifest file, at line ${lineNumber}\n>>> '${line ?? ''}`);
    expect(error.message.endsWith(line === null ? reason : `\n>>> '${line}'\n${reason}`)).toBe(true);
    const before = text.split('\n').slice(0, lineNumber - 1);
    expect(error.offset).toBe(before.reduce((sum, { length }) => sum + length + 1, 0));
  });

  it('is refused when it is empty', () => {
    expect(refusal('')).toMatchObject({ code: 'AOF_CORRUPT' });
    expect(refusal('').message).toContain('Found an empty AOF manifest');
  });

  it('may have a line of 1023 bytes', () => {
    expect(parse(long(1023)).incrs).toHaveLength(1);
  });

  it('never carries a line that Redis would find too long', () => {
    const file: ManifestFile = { name: 'ä'.repeat(127), seq: 1, type: 'i' };
    expect(() => formatManifest({ ...EMPTY_MANIFEST, incrs: [file] })).toThrow('makes a manifest line of');
  });

  it('gives back every name, however odd', () => {
    const name = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 40 })
      .filter((text) => !/[/\\\0]/.test(text) && text !== '.' && text !== '..' && Buffer.from(text).toString() === text);
    fc.assert(
      fc.property(name, fc.integer({ min: 1, max: 2 ** 50 }), fc.constantFrom('b', 'h', 'i'), (odd, seq, type) => {
        const file: ManifestFile = { name: odd, seq, type };
        const manifest: Manifest = {
          base: type === 'b' ? file : null,
          history: type === 'h' ? [file] : [],
          incrs: type === 'i' ? [file] : [],
        };
        expect(parseManifest(formatManifest(manifest), '/m')).toEqual(manifest);
      }),
    );
  });

  it('is read or refused with a typed error, whatever the bytes', () => {
    const noise = fc.array(
      fc.constantFrom('file ', 'seq ', 'type ', 'i', 'b', '1 ', '2 ', '"', "'", '\\', '\n', 'x', ' ', '\0', 'ä'),
      {
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(noise, (words) => {
        try {
          parse(words.join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(AofError);
        }
      }),
    );
  });
});

describe('file names', () => {
  it('are taken apart as they were made, also with dots and numbers in front', () => {
    for (const prefix of ['appendonly.aof', '1.incr.aof', 'a b', '.']) {
      expect(parseFileName(prefix, baseName(prefix, 12, 'aof'))).toEqual({ kind: 'base', seq: 12, format: 'aof' });
      expect(parseFileName(prefix, baseName(prefix, 1, 'rdb'))).toEqual({ kind: 'base', seq: 1, format: 'rdb' });
      expect(parseFileName(prefix, incrName(prefix, 3))).toEqual({ kind: 'incr', seq: 3 });
    }
  });

  it.each([
    'a.0.incr.aof',
    'a.01.incr.aof',
    'a.1.incr.rdb',
    'a.1.incr.aof.x',
    'b.1.incr.aof',
    'a.manifest',
    'a',
    'a.-1.base.rdb',
  ])('%s is none of ours', (name) => {
    expect(parseFileName('a', name)).toBeNull();
  });

  it('are never those of a file that is still to be deleted', () => {
    const manifest = parse('file a.5.base.rdb seq 5 type h\nfile a.9.incr.aof seq 9 type h\nfile a.2.base.rdb seq 2 type b\n');
    expect(nextBaseSeq('a', manifest)).toBe(6);
    expect(nextIncrSeq('a', manifest)).toBe(10);
    expect(nextIncrSeq('a', EMPTY_MANIFEST)).toBe(1);
  });
});

describe('edits of a manifest', () => {
  const three = ['1', '2', '3'].reduce((m, n) => withNewIncr(m, { name: `i${n}`, seq: Number(n) }), EMPTY_MANIFEST);

  it('a new base makes history of the old one and of the incrs below the cut, whatever rolls came after it', () => {
    const first = withNewBase(three, { name: 'b1', seq: 1 }, 2);
    const second = withNewBase(first, { name: 'b2', seq: 2 }, 3);
    expect(second.base?.name).toBe('b2');
    expect(second.history.map(({ name, type }) => name + type)).toEqual(['b1h', 'i1h', 'i2h']);
    expect(second.incrs.map(({ name }) => name)).toEqual(['i3']);
    expect(withoutHistory(second, new Set(['i1'])).history.map(({ name }) => name)).toEqual(['b1', 'i2']);
    expect(withoutHistory(second).history).toEqual([]);
  });

  it('a cut comes and goes without a trace', () => {
    expect(withCut(three, 'i2', 70).incrs[1]).toEqual({ name: 'i2', seq: 2, type: 'i', cut: 70 });
    expect(withoutCut(withCut(three, 'i2', 70), 'i2')).toEqual(three);
    expect(() => withCut(three, 'nope', 1)).toThrow(RangeError);
  });

  it('an incr that does not follow is a programmer error', () => {
    expect(() => withNewIncr(three, { name: 'x', seq: 3 })).toThrow(RangeError);
  });
});

describe('the manifest on disk', () => {
  const path = '/d/a.manifest';
  const addIncr = (seq: number) => (manifest: Manifest) => withNewIncr(manifest, { name: `a.${seq}.incr.aof`, seq });
  const text = (...seqs: number[]) => seqs.map((seq) => `file a.${seq}.incr.aof seq ${seq} type i\n`).join('');
  const load = (files: MemoryFiles) => ManifestStore.load({ files, directory: '/d', appendfilename: 'a' });

  it('is empty where there is none, and loading changes nothing', async () => {
    const files = new MemoryFiles('/d');
    const store = await load(files);
    expect(store.current).toEqual(EMPTY_MANIFEST);
    expect(store.exists).toBe(false);
    expect(files.paths()).toEqual(['/d']);
  });

  it('is switched by temp file, fsync, rename, fsync of the directory, in this order', async () => {
    const files = new MemoryFiles('/d');
    const store = await load(files);
    files.operations.length = 0;
    await store.edit(addIncr(1));
    const temp = '/d/temp-a.manifest';
    expect(files.operations).toEqual([
      `open:replace ${temp}`,
      `write ${temp}`,
      `sync ${temp}`,
      `close ${temp}`,
      `rename ${temp}`,
      'syncDirectory /d',
    ]);
    expect(files.content(path)).toBe(text(1));
  });

  it('edits asked for at once follow one another, each of the manifest that is current by then', async () => {
    const files = new MemoryFiles('/d');
    const store = await load(files);
    const seen: number[] = [];
    const edits = [1, 2, 3].map((seq) =>
      store.edit((manifest) => {
        seen.push(manifest.incrs.length);
        return addIncr(seq)(manifest);
      }),
    );
    await Promise.all(edits);
    expect(seen).toEqual([0, 1, 2]);
    expect(files.content(path)).toBe(text(1, 2, 3));
  });

  it('an edit that throws changes nothing and does not stop the next one', async () => {
    const files = new MemoryFiles('/d');
    const store = await load(files);
    const bad = store.edit(() => {
      throw new RangeError('no');
    });
    const good = store.edit(addIncr(1));
    await expect(bad).rejects.toThrow('no');
    await good;
    expect(files.content(path)).toBe(text(1));
  });

  // The operations of a switch: 0 open, 1 write, 2 sync, 3 close, 4 rename, 5 syncDirectory.
  it.each([0, 1, 2, 3])('a failure of step %i, before the rename, leaves the old manifest and no temp file', async (step) => {
    const files = new MemoryFiles('/d');
    files.put(path, text(1));
    const store = await load(files);
    files.failAt(files.operations.length + step, 'ENOSPC');
    await expect(store.edit(addIncr(2))).rejects.toMatchObject({ code: 'AOF_DISK_FULL', path: '/d/temp-a.manifest' });
    expect(store.isUncertain).toBe(false);
    expect(store.current.incrs).toHaveLength(1);
    expect(files.paths()).toEqual(['/d', path]);
    expect(files.content(path)).toBe(text(1));
    expect(store.mayBeNamed('a.2.incr.aof')).toBe(false);
  });

  it.each([
    ['rename', 4, false],
    ['rename, though done', 4, true],
    ['fsync of the directory', 5, false],
  ])('after a failed %s both generations count as named until a later edit settles it', async (_, step, happensFirst) => {
    const files = new MemoryFiles('/d');
    files.put(path, text(1));
    const store = await load(files);
    files.failAt(files.operations.length + step, 'EIO', happensFirst);
    await expect(store.edit(addIncr(2))).rejects.toMatchObject({ code: 'AOF_IO', path });
    expect(store.isUncertain).toBe(true);
    expect(store.current.incrs).toHaveLength(1);
    expect(store.mayBeNamed('a.1.incr.aof')).toBe(true);
    expect(store.mayBeNamed('a.2.incr.aof')).toBe(true);
    expect(files.content('/d/temp-a.manifest')).toBeNull();
    // Even an edit that changes nothing writes then.
    await store.edit((manifest) => manifest);
    expect(store.isUncertain).toBe(false);
    expect(store.mayBeNamed('a.2.incr.aof')).toBe(false);
    expect(files.content(path)).toBe(text(1));
  });

  it('an edit that changes nothing writes nothing', async () => {
    const files = new MemoryFiles('/d');
    files.put(path, text(1));
    const store = await load(files);
    files.operations.length = 0;
    await store.edit((manifest) => manifest);
    expect(files.operations).toEqual([]);
  });

  it('a symbolic link in its place, or in the place of a file it names, is refused', async () => {
    const files = new MemoryFiles('/d');
    files.put(path, text(1));
    files.putSymlink('/d/a.1.incr.aof');
    const store = await load(files);
    await expect(store.findFiles()).rejects.toMatchObject({ code: 'AOF_IO', path: '/d/a.1.incr.aof' });
    files.putSymlink(path);
    await expect(load(files)).rejects.toMatchObject({ code: 'AOF_IO', path });
  });

  it('finds the files it names in loading order, and says in Redis’s words which one is missing', async () => {
    const files = new MemoryFiles('/d');
    files.put(path, `file b seq 1 type b\nfile h seq 1 type h\n${text(1)}`);
    files.put('/d/b', 'REDIS');
    const store = await load(files);
    await expect(store.findFiles()).rejects.toMatchObject({
      code: 'AOF_CORRUPT',
      message: 'Unable to obtain the AOF file a.1.incr.aof length. stat: No such file or directory',
    });
    files.put('/d/a.1.incr.aof', '12');
    const found = await store.findFiles();
    expect(found.map(({ file, path: where, sizeBytes }) => [file.type, where, sizeBytes])).toEqual([
      ['b', '/d/b', 5],
      ['i', '/d/a.1.incr.aof', 2],
    ]);
  });

  it('is not switched in a directory that was removed or replaced', async () => {
    const files = new MemoryFiles('/d');
    const guard = await DirectoryGuard.open(files, '/d');
    const store = await ManifestStore.load({ files, directory: '/d', appendfilename: 'a', guard });
    await guard.check();
    files.remove('/d');
    await expect(store.edit(addIncr(1))).rejects.toMatchObject({ code: 'AOF_FAILED', path: '/d' });
    await files.mkdir('/d');
    await expect(store.edit(addIncr(1))).rejects.toThrow('was replaced by another');
    expect(files.paths()).toEqual(['/d']);
    expect(store.isUncertain).toBe(false);
  });
});

describe('upgrade of an old single file', () => {
  const options = (files: MemoryFiles) => ({ files, dir: '/x', appenddirname: 'd', appendfilename: 'a' });
  const manifest = 'file a seq 1 type b\n';
  const upgraded = ['/x', '/x/d', '/x/d/a', '/x/d/a.manifest'];

  it.each([
    ['without a directory', () => new MemoryFiles('/x')],
    ['with an empty directory', () => new MemoryFiles('/x', '/x/d')],
    [
      'with a manifest of nothing',
      () => {
        const files = new MemoryFiles('/x', '/x/d');
        files.put('/x/d/a.manifest', '# nothing\n');
        return files;
      },
    ],
    [
      'interrupted before the file was moved',
      () => {
        const files = new MemoryFiles('/x', '/x/d');
        files.put('/x/d/a.manifest', manifest);
        return files;
      },
    ],
  ])('%s: the file becomes the first base', async (_, make) => {
    const files = make();
    files.put('/x/a', 'data');
    expect(await isUpgradeDue(options(files))).toBe(true);
    expect(await upgradeFromSingleFile(options(files))).toBe('upgraded');
    expect(files.paths()).toEqual(upgraded);
    expect(files.content('/x/d/a')).toBe('data');
    expect(files.content('/x/d/a.manifest')).toBe(manifest);
    expect(await upgradeFromSingleFile(options(files))).toBe('nothing');
  });

  it('makes each step durable before the next', async () => {
    const files = new MemoryFiles('/x');
    files.put('/x/a', 'data');
    await upgradeFromSingleFile(options(files));
    const steps = files.operations.filter((operation) => /^(mkdir|sync|rename)/.test(operation));
    expect(steps).toEqual([
      'mkdir /x/d',
      'syncDirectory /x',
      'sync /x/d/temp-a.manifest',
      'rename /x/d/temp-a.manifest',
      'syncDirectory /x/d',
      'rename /x/a',
      'syncDirectory /x/d',
      'syncDirectory /x',
    ]);
  });

  it('stopped at any operation, done or not, goes on where it was', async () => {
    const whole = new MemoryFiles('/x');
    whole.put('/x/a', 'data');
    await upgradeFromSingleFile(options(whole));
    for (let at = 0; at < whole.operations.length; at++) {
      for (const happensFirst of [false, true]) {
        const files = new MemoryFiles('/x');
        files.put('/x/a', 'data');
        files.failAt(at, 'EIO', happensFirst);
        await upgradeFromSingleFile(options(files)).catch((error) => expect(error).toBeInstanceOf(AofError));
        await upgradeFromSingleFile(options(files));
        expect(files.paths()).toEqual(upgraded);
        expect(files.content('/x/d/a')).toBe('data');
      }
    }
  });

  it.each([
    ['there is no old file', (files: MemoryFiles) => void files],
    [
      'the manifest names files of its own',
      (files: MemoryFiles) => files.put('/x/d/a.manifest', 'file a.1.incr.aof seq 1 type i\n'),
    ],
    [
      'the file is in both places',
      (files: MemoryFiles) => {
        files.put('/x/d/a.manifest', manifest);
        files.put('/x/d/a', 'new');
        files.put('/x/a', 'old');
      },
    ],
  ])('does nothing when %s', async (_, prepare) => {
    const files = new MemoryFiles('/x', '/x/d');
    if (_ !== 'there is no old file') files.put('/x/a', 'old');
    prepare(files);
    const before = files.paths();
    expect(await upgradeFromSingleFile(options(files))).toBe('nothing');
    expect(files.paths()).toEqual(before);
    expect(files.operations.filter((operation) => /^(open|mkdir|rename|unlink)/.test(operation))).toEqual([]);
  });

  it('refuses a symbolic link in place of the old file', async () => {
    const files = new MemoryFiles('/x');
    files.putSymlink('/x/a');
    await expect(upgradeFromSingleFile(options(files))).rejects.toMatchObject({ code: 'AOF_IO', path: '/x/a' });
    expect(files.paths()).toEqual(['/x', '/x/a']);
  });
});
