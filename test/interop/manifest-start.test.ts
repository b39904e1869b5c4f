/**
 * Which manifests start and which refuse: the cases of Redis's own multi-part tests. Each runs on real redis-server and on the
 * server under test; same outcome, same data, same message.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type ChildServer, killAllServers } from '../support/child-server.js';
import { spawnEverysec } from '../support/everysec-server.js';
import { baseName, hashesOf, incrName, MANIFEST, namesIn, sets, writeLog } from '../support/file-surgery.js';
import { spawnRedis } from '../support/redis-child.js';
import { describeWithRedis } from '../support/redis-server.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

type Spawn = (dir: string, config: Record<string, string>) => Promise<ChildServer>;
const servers: ReadonlyArray<readonly [name: string, spawn: Spawn]> = [
  ['redis-server', spawnRedis],
  ['everysec', (dir, config) => spawnEverysec({ dir, config })],
];

interface Start {
  readonly dir: string;
  readonly started: boolean;
  readonly code: number | null;
  readonly data: readonly string[];
  readonly log: string;
}

async function start(spawn: Spawn, dir: string, config: Record<string, string> = {}): Promise<Start> {
  const server = await spawn(dir, config);
  if ((await server.started()) === 'exited')
    return { dir, started: false, code: (await server.exited).code, data: [], log: server.log };
  const client = await server.connect();
  const keys = ((await client.ok('KEYS', '*')) as string[]).sort();
  const data = await Promise.all(keys.map(async (key) => `${key}=${String(await client.ok('GET', key))}`));
  await server.terminate();
  return { dir, started: true, code: null, data, log: server.log };
}

/** `make` lays out a directory; both servers start on their own. */
async function startBoth(make: (dir: string) => void, config: Record<string, string> = {}): Promise<[redis: Start, ours: Start]> {
  const starts = await Promise.all(
    servers.map(([name, spawn]) => {
      const dir = tempDir(name);
      make(dir);
      return start(spawn, dir, config);
    }),
  );
  const [redis, ours] = starts;
  if (redis === undefined || ours === undefined) throw new Error('two servers');
  return [redis, ours];
}

const files = { [baseName(1)]: sets(['k1', 'v1']), [incrName(1)]: sets(['k2', 'v2']) };
const twoIncrs = { ...files, [incrName(2)]: sets(['k3', 'v3']) };
const b = `file ${baseName(1)} seq 1 type b\n`;
const i = (seq: number) => `file ${incrName(seq)} seq ${seq} type i\n`;

const refused: ReadonlyArray<readonly [title: string, manifest: string, message: RegExp]> = [
  ['an empty manifest', '', /Found an empty AOF manifest/],
  ['a blank line', `${b}\n${i(1)}`, /Invalid AOF manifest file format/],
  ['a duplicate base', `${b}file ${baseName(2)} seq 2 type b\n${i(1)}`, /Found duplicate base file information/],
  ['a sequence number that does not rise', `${b}${i(2)}${i(1)}`, /Found a non-monotonic sequence number/],
  ['a sequence number twice', `${b}${i(1)}${i(1)}`, /Found a non-monotonic sequence number/],
  ['an unknown type', `${b}file ${incrName(1)} seq 1 type k\n`, /Unknown AOF file type/],
  ['a missing key', `${b}filx ${incrName(1)} seq 1 type i\n`, /Invalid AOF manifest file format/],
  ['a missing type', `${b}file ${incrName(1)} seq 1\n`, /Invalid AOF manifest file format/],
  ['a line too short', `${b}file x\n`, /Invalid AOF manifest file format/],
  ['an odd number of words', `${b}file ${incrName(1)} seq 1 type i newkey\n`, /Invalid AOF manifest file format/],
  ['a line too long', `${b}file ${'x'.repeat(1100)} seq 1 type i\n`, /The AOF manifest file contains too long line/],
  ['no newline at the end', `${b}${i(1).trimEnd()}`, /The AOF manifest file contains too long line/],
  ['sequence number 0', `${b}file ${incrName(1)} seq 0 type i\n`, /Invalid AOF manifest file format/],
  ['a path for a name', `${b}file ../${incrName(1)} seq 1 type i\n`, /File can't be a path, just a filename/],
];

describeWithRedis('manifests that refuse to start', () => {
  it.each(refused)('%s', async (_title, manifest, message) => {
    const made: string[] = [];
    const [redis, ours] = await startBoth((dir) => {
      writeLog(dir, { manifest, files: twoIncrs });
      made.push(JSON.stringify(hashesOf(join(dir, 'appendonlydir'))));
    });
    for (const { started, code, log } of [redis, ours]) {
      expect(started, log).toBe(false);
      expect(code, log).toBe(1);
      expect(log).toMatch(/FATAL AOF MANIFEST FILE ERROR/);
      expect(log).toMatch(message);
    }
    const line = /Reading the manifest file, at line \d+/.exec(redis.log)?.[0];
    if (line !== undefined) expect(ours.log).toContain(line);
    expect(JSON.stringify(hashesOf(join(ours.dir, 'appendonlydir'), /\.lock\./))).toBe(made[1]);
  });

  it('a file that is named and missing', async () => {
    const [redis, ours] = await startBoth((dir) => writeLog(dir, { manifest: b + i(1) + i(2), files }));
    for (const { started, code, log } of [redis, ours]) {
      expect(started, log).toBe(false);
      expect(code).toBe(1);
      expect(log).toMatch(/Unable to obtain the AOF file appendonly\.aof\.2\.incr\.aof length\. stat: No such file or directory/);
    }
  });

  it('a manifest that names the old single file, which exists nowhere', async () => {
    const [redis, ours] = await startBoth((dir) => writeLog(dir, { manifest: 'file appendonly.aof seq 1 type b\n', files: {} }));
    for (const { started, code, log } of [redis, ours]) {
      expect(started, log).toBe(false);
      expect(code).toBe(1);
    }
  });
});

describeWithRedis('layouts that start', () => {
  async function bothServe(make: (dir: string) => void, data: string[], config: Record<string, string> = {}): Promise<Start> {
    const [redis, ours] = await startBoth(make, config);
    expect(redis.started, redis.log).toBe(true);
    expect(ours.started, ours.log).toBe(true);
    expect(redis.data).toEqual(data);
    expect(ours.data).toEqual(data);
    return ours;
  }

  it('nothing at all', async () => {
    const ours = await bothServe(() => {}, []);
    expect(namesIn(join(ours.dir, 'appendonlydir'))).toContain(MANIFEST);
    expect(ours.log).toMatch(/Creating AOF incr file appendonly\.aof\.1\.incr\.aof on server start/);
  });

  it('an empty directory', () => bothServe((dir) => mkdirSync(join(dir, 'appendonlydir')), []));

  it('gaps in the sequence numbers', () =>
    bothServe(
      (dir) =>
        writeLog(dir, {
          files: { [baseName(1)]: sets(['k1', 'v1']), [incrName(3)]: sets(['k2', 'v2']), [incrName(7)]: sets(['k3', 'v3']) },
        }),
      ['k1=v1', 'k2=v2', 'k3=v3'],
    ));

  it('extra words in pairs, comments and capitals', () =>
    bothServe(
      (dir) =>
        writeLog(dir, {
          manifest: `# a note\n${b.trimEnd()} newkey newvalue\nFILE ${incrName(1)} SEQ 1 TYPE i startoffset 77\n`,
          files,
        }),
      ['k1=v1', 'k2=v2'],
    ));

  it('some files empty', () =>
    bothServe(
      (dir) =>
        writeLog(dir, { files: { [baseName(1)]: '', [incrName(1)]: '', [incrName(2)]: sets(['k', 'v']), [incrName(3)]: '' } }),
      ['k=v'],
    ));

  it('a base alone', () => bothServe((dir) => writeLog(dir, { files: { [baseName(1)]: sets(['k', 'v']) } }), ['k=v']));

  it('incr files alone', () => bothServe((dir) => writeLog(dir, { files: { [incrName(1)]: sets(['k', 'v']) } }), ['k=v']));

  it('history files, which are deleted', async () => {
    const old = incrName(1);
    const manifest = `${b}file ${old} seq 1 type h\n${i(2)}`;
    const ours = await bothServe(
      (dir) => writeLog(dir, { manifest, files: { ...twoIncrs, [old]: 'not even a log' } }),
      ['k1=v1', 'k3=v3'],
    );
    expect(namesIn(join(ours.dir, 'appendonlydir'))).not.toContain(old);
  });

  it('an old single file, which is taken into the directory', async () => {
    const ours = await bothServe((dir) => writeFileSync(join(dir, 'appendonly.aof'), sets(['old', 'file'])), ['old=file']);
    expect(namesIn(ours.dir)).not.toContain('appendonly.aof');
    expect(ours.log).toMatch(
      /Successfully migrated an old-style AOF file \(appendonly\.aof\) into the AOF directory \(appendonlydir\)\./,
    );
    expect(readFileSync(join(ours.dir, 'appendonlydir', MANIFEST), 'latin1')).toMatch(/^file appendonly\.aof seq 1 type b\n/);
  });

  it('an upgrade that was interrupted before the rename', () =>
    bothServe(
      (dir) => {
        writeLog(dir, { manifest: 'file appendonly.aof seq 1 type b\n', files: {} });
        writeFileSync(join(dir, 'appendonly.aof'), sets(['old', 'file']));
      },
      ['old=file'],
    ));

  it('an upgrade that was interrupted before the manifest', () =>
    bothServe(
      (dir) => {
        mkdirSync(join(dir, 'appendonlydir'));
        writeFileSync(join(dir, 'appendonly.aof'), sets(['old', 'file']));
      },
      ['old=file'],
    ));

  it('the old name in both directories: the one inside counts', () =>
    bothServe(
      (dir) => {
        writeLog(dir, { manifest: 'file appendonly.aof seq 1 type b\n', files: { 'appendonly.aof': sets(['inside', '1']) } });
        writeFileSync(join(dir, 'appendonly.aof'), sets(['outside', '1']));
      },
      ['inside=1'],
    ));

  it('two servers with different appendfilename in one directory', async () => {
    for (const [, spawn] of servers) {
      const dir = tempDir('shared');
      const data: string[][] = [];
      for (const name of ['one', 'two']) {
        const server = await (await spawn(dir, { appendfilename: name })).ready();
        await (await server.connect()).ok('SET', name, '1');
        await server.terminate();
      }
      for (const name of ['one', 'two']) data.push([...(await start(spawn, dir, { appendfilename: name })).data]);
      expect(data).toEqual([['one=1'], ['two=1']]);
    }
  });

  it('names with spaces and escapes', () =>
    bothServe(
      (dir) =>
        writeLog(dir, {
          manifest: '"file" " file seq \\n\\n.aof " seq 1 type b\n',
          files: { ' file seq \n\n.aof ': sets(['odd', 'name']) },
        }),
      ['odd=name'],
    ));

  it('an appendfilename with spaces is written so that redis-server reads it', async () => {
    const dir = tempDir('spaces');
    const config = { appendfilename: 'my log.aof' };
    const server = await (await spawnEverysec({ dir, config })).ready();
    await (await server.connect()).ok('SET', 'k', 'v');
    await server.terminate();
    const redis = await start(spawnRedis, dir, config);
    expect(redis.data, redis.log).toEqual(['k=v']);
  });
});
