/**
 * Manifests between us and real redis-server: what it writes we read and write back byte for byte, what we write it loads,
 * and what it refuses we refuse with the same reason at the same line.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { incrName, manifestName } from '../../src/aof/manifest/file-names.js';
import { EMPTY_MANIFEST, type Manifest, withCut, withNewIncr } from '../../src/aof/manifest/manifest.js';
import { formatManifest, parseManifest } from '../../src/aof/manifest/manifest-format.js';
import { ManifestStore } from '../../src/aof/manifest/manifest-store.js';
import { upgradeFromSingleFile } from '../../src/aof/manifest/upgrade.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { describeWithRedis, freePort, RealRedis } from '../support/redis-server.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

afterEach(removeTempDirs);

const { files } = createNodeEnv();
const NAMES = ['appendonly.aof', 'a b', 'say "hi"', 'tab\tnewline\n', 'ä\x01#', '# x'];

const setCommand = (key: string, value: string) =>
  `*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${value.length}\r\n${value}\r\n`;

describeWithRedis('manifests beside redis-server', () => {
  it.each(NAMES)('what redis writes for the name %j comes back byte for byte', async (name) => {
    const dir = tempDir('manifest');
    const redis = await RealRedis.start(['--appendonly', 'yes', '--appendfilename', name], dir);
    try {
      const path = join(dir, 'appendonlydir', manifestName(name));
      const first = readFileSync(path);
      expect(formatManifest(parseManifest(first, path)).toString()).toBe(first.toString());
      const client = await redis.connect();
      await client.ok('SET', 'k', 'v');
      await client.ok('BGREWRITEAOF');
      await expect.poll(() => parseManifest(readFileSync(path), path).incrs.at(-1)?.seq).toBe(2);
      await expect.poll(() => parseManifest(readFileSync(path), path).base?.seq).toBe(2);
      client.close();
      await redis.kill();
      const last = readFileSync(path);
      const manifest = parseManifest(last, path);
      expect(manifest.incrs.map((file) => file.name)).toEqual([incrName(name, 2)]);
      expect(formatManifest(manifest).toString()).toBe(last.toString());
      const store = await ManifestStore.load({ files, directory: join(dir, 'appendonlydir'), appendfilename: name });
      expect((await store.findFiles()).map(({ file }) => file.type)).toEqual(['b', 'i']);
    } finally {
      await redis.stop();
    }
  });

  // Redis itself writes a name with a ' bare and cannot read that again; we quote it.
  it.each([...NAMES, "it's"])('redis loads what we write for the name %j, with our pairs on the lines', async (name) => {
    const dir = tempDir('manifest');
    const directory = join(dir, 'appendonlydir');
    mkdirSync(directory);
    let manifest: Manifest = EMPTY_MANIFEST;
    for (const seq of [1, 5]) {
      writeFileSync(join(directory, incrName(name, seq)), setCommand(`k${seq}`, 'v'));
      manifest = withNewIncr(manifest, { name: incrName(name, seq), seq, lsn: 2 ** 52 + seq });
    }
    // A cut at the file's end: to redis the pair means nothing, and nothing stands behind it.
    manifest = withCut(manifest, incrName(name, 1), setCommand('k1', 'v').length);
    const store = await ManifestStore.load({ files, directory, appendfilename: name });
    await store.edit(() => manifest);
    const redis = await RealRedis.start(['--appendonly', 'yes', '--appendfilename', name], dir);
    try {
      const client = await redis.connect();
      expect(await client.ok('MGET', 'k1', 'k5')).toEqual(['v', 'v']);
      client.close();
    } finally {
      await redis.stop();
    }
  });

  it('redis loads a directory that we upgraded from a single file', async () => {
    const dir = tempDir('manifest');
    writeFileSync(join(dir, 'appendonly.aof'), setCommand('old', 'data'));
    const options = { files, dir, appenddirname: 'appendonlydir', appendfilename: 'appendonly.aof' };
    expect(await upgradeFromSingleFile(options)).toBe('upgraded');
    const redis = await RealRedis.start(['--appendonly', 'yes'], dir);
    try {
      const client = await redis.connect();
      expect(await client.ok('GET', 'old')).toBe('data');
      client.close();
    } finally {
      await redis.stop();
    }
    expect(await upgradeFromSingleFile(options)).toBe('nothing');
  });

  const ok = 'file a seq 1 type b\n';
  it.each([
    '',
    '\n',
    `${ok}\n`,
    `${ok}file b seq 2 type b\n`,
    'file b seq 2 type i\nfile c seq 2 type i\n',
    'file b seq 0 type i\n',
    'file b seq 1\n',
    'file b seq 1 type i k\n',
    'file b seq 1 k v\n',
    'file x/b seq 1 type i\n',
    'file b seq 1 type x\n',
    'file "b seq 1 type i\n',
    ' # comment\n',
    `${ok}file b seq 1 type i`,
    `file b seq 1 type i k ${'x'.repeat(1002)}\n`,
  ])('redis and we refuse %.40j with the same reason at the same line', async (text) => {
    const dir = tempDir('manifest');
    mkdirSync(join(dir, 'appendonlydir'));
    const path = join(dir, 'appendonlydir', 'appendonly.aof.manifest');
    writeFileSync(path, text);
    const args = ['--port', String(await freePort()), '--dir', dir, '--appendonly', 'yes', '--save', ''];
    const done = spawnSync('redis-server', args, { encoding: 'utf8', timeout: 10_000 });
    expect(done.status).toBe(1);
    const log = done.stdout.slice(done.stdout.indexOf('FATAL AOF MANIFEST FILE ERROR'));
    const reason = REASONS.filter((candidate) => log.includes(candidate));
    expect(reason, log).toHaveLength(1);
    let message = '';
    try {
      parseManifest(Buffer.from(text), path);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).toContain(reason[0]);
    const line = /Reading the manifest file, at line \d+/.exec(log)?.[0];
    if (line !== undefined) expect(message).toContain(line);
  });
});

const REASONS = [
  'Found an empty AOF manifest',
  'The AOF manifest file contains too long line',
  'Invalid AOF manifest file format',
  "File can't be a path, just a filename",
  'Found duplicate base file information',
  'Found a non-monotonic sequence number',
  'Unknown AOF file type',
];
