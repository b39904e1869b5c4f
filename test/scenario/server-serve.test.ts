/** `everysec` as a process: start, signals, exit codes, what it prints. Needs the compiled package (npm test makes it). */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChildServer, killAllServers } from '../support/child-server.js';
import { backendUnderTest, everysecMain, spawnEverysec } from '../support/everysec-server.js';
import { freePort } from '../support/redis-server.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'everysec-serve-'));
});
afterEach(async () => {
  await killAllServers();
  rmSync(dir, { recursive: true, force: true });
});

function everysec(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [everysecMain, ...args], { encoding: 'utf8', timeout: 20_000 });
  return { status, stdout, stderr };
}

describe('everysec serve', () => {
  it("logs in Redis's form and keeps what was written over a clean end", async () => {
    const server = await (await spawnEverysec({ dir })).ready();
    const client = await server.connect();
    expect(await client.call('SET', 'k', 'v')).toBe('OK');
    const exit = await server.terminate();
    expect(exit).toEqual({ code: 0, signal: null });
    for (const line of server.log.trim().split('\n'))
      expect(line).toMatch(/^\d+:M \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} [.*#-] /);
    expect(server.log).toContain('* Ready to accept connections');
    expect(server.log).toContain('# User requested shutdown...');
    const again = await (await spawnEverysec({ dir })).ready();
    expect(await (await again.connect()).call('GET', 'k')).toBe('v');
  });

  it('keeps an append only file without being asked to, and not when told so', async () => {
    for (const [extra, kept] of [
      [[], 'v'],
      [['--appendonly', 'no'], null],
    ] as const) {
      const home = mkdtempSync(join(dir, 'd-'));
      const start = async () => {
        const port = await freePort();
        const args = [everysecMain, 'serve', '--port', String(port), '--dir', home, '--backend', backendUnderTest(), ...extra];
        return new ChildServer({ program: process.execPath, args, port }).ready();
      };
      const first = await start();
      await (await first.connect()).ok('SET', 'k', 'v');
      await first.terminate();
      const second = await start();
      expect(await (await second.connect()).call('GET', 'k')).toBe(kept);
      await second.terminate();
    }
  });

  it('SHUTDOWN ends it cleanly and drops the connection without a reply', async () => {
    const server = await (await spawnEverysec({ dir })).ready();
    const client = await server.connect();
    await client.ok('SET', 'k', 'v');
    await expect(client.call('SHUTDOWN', 'NOSAVE')).rejects.toThrow('closed');
    expect(await server.exited).toEqual({ code: 0, signal: null });
  });

  it('reads redis.conf, and the command line wins over it', async () => {
    const conf = join(dir, 'redis.conf');
    writeFileSync(join(dir, 'more.conf'), 'timeout 77\n');
    writeFileSync(conf, `# a comment\nmaxclients 123\nappendfsync always\ninclude ${dir}/more*.conf\n`);
    const port = await freePort();
    const args = [
      everysecMain,
      'serve',
      conf,
      '--port',
      String(port),
      '--dir',
      dir,
      '--maxclients',
      '45',
      '--logfile',
      'here.log',
    ];
    const server = await new ChildServer({ program: process.execPath, args, port }).ready();
    const client = await server.connect();
    expect(await client.call('CONFIG', 'GET', 'maxclients')).toEqual(['maxclients', '45']);
    expect(await client.call('CONFIG', 'GET', 'appendfsync')).toEqual(['appendfsync', 'always']);
    expect(await client.call('CONFIG', 'GET', 'timeout')).toEqual(['timeout', '77']);
    expect(await client.call('INFO', 'server')).toContain(`config_file:${conf}`);
    expect(readFileSync(join(dir, 'here.log'), 'utf8')).toContain('Ready to accept connections');
    expect(server.log).toBe('');
  });

  it.each([
    [['--no-such-directive', '1'], 'Bad directive or wrong number of arguments'],
    [['--appendfsync', 'sometimes'], 'argument(s) must be one of the following'],
    [['--dir', '/dev/null/data'], "Can't chdir to '/dev/null/data': Not a directory"],
    [['/nonexistent.conf'], "can't open config file '/nonexistent.conf'"],
  ])('refuses %j with exit code 1', (args, text) => {
    const { status, stderr } = everysec('serve', ...args);
    expect(stderr).toContain('FATAL CONFIG FILE ERROR');
    expect(stderr).toContain(text);
    expect(status).toBe(1);
  });

  it('says that the port is taken, and ends with exit code 1', async () => {
    const port = await freePort();
    const taker = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => taker.once('listening', resolve));
    const { status, stdout } = everysec('serve', '--port', String(port), '--dir', dir);
    taker.close();
    expect(stdout).toContain(`Could not create server TCP listening socket 127.0.0.1:${port}: bind: Address already in use`);
    expect(status).toBe(1);
  });
});

describe('everysec', () => {
  it('explains itself', () => {
    expect(everysec('--help').status).toBe(0);
    expect(everysec('--help').stdout).toContain('serve');
    expect(everysec('--version').stdout).toMatch(/^everysec \d+\.\d+\.\d+\n$/);
    for (const command of ['serve', 'bench', 'check', 'inspect', 'rewrite', 'restore']) {
      const { status, stdout } = everysec(command, '--help');
      expect([command, status]).toEqual([command, 0]);
      expect(stdout).toContain(`everysec ${command}`);
    }
  });

  it('ends with exit code 2 when it is used wrongly', () => {
    expect(everysec().status).toBe(2);
    const { status, stderr } = everysec('frobnicate');
    expect(status).toBe(2);
    expect(stderr).toContain("no command is named 'frobnicate'");
  });
});
