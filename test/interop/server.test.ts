/**
 * The same bytes to redis-server and to our server over sockets: the same bytes come back, where the texts are Redis's own.
 * What differs by nature (numbers of clients, times, ports, lists of commands) is compared by its shape.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Config } from '../../src/config/config.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { type ComposedServer, composeServer } from '../../src/server/compose-server.js';
import { describeWithRedis, freePort, RealRedis } from '../support/redis-server.js';
import { parseReplies, type RespValue } from '../support/resp-client.js';
import { RawClient, record } from '../support/server-rig.js';

const MARK = 'end-of-script';

/** What comes back for this script, up to its end or to the end of the connection. */
async function answers(port: number, script: string): Promise<string> {
  const client = await RawClient.connect(port);
  const end = `$${MARK.length}\r\n${MARK}\r\n`;
  client.send(`${script}ECHO ${MARK}\r\n`);
  let last = -1;
  while (!client.isClosed && !client.received.endsWith(end)) {
    last = client.received.length;
    await client.bytes(last + 1);
  }
  client.socket.destroy();
  return client.received.endsWith(end) ? client.received.slice(0, -end.length) : `${client.received}<closed>`;
}

function lines(...commands: string[]): string {
  return commands.map((command) => `${command}\r\n`).join('');
}

/** Everything about it must be the same. */
const LITERAL: Record<string, string> = {
  'multibulk with a leading zero': '*03\r\n',
  'multibulk with a plus': '*+1\r\n',
  'negative multibulk, then PING': '*-1\r\n*0\r\n*1\r\n$4\r\nPING\r\n',
  'multibulk that is no number': '*abc\r\n',
  'bulk with a leading zero': '*1\r\n$04\r\nPING\r\n',
  'negative bulk': '*1\r\n$-1\r\n',
  'bulk that is too long': '*1\r\n$600000000\r\n',
  'no bulk': '*1\r\n:4\r\nPING\r\n',
  'odd line ends': '*1\r\n$4\r\nPINGxx*1\rx$4\r\nPING\r\n',
  'unbalanced quotes': 'SET a "b\r\n',
  'a quote inside a word': 'SET a "b"c\r\n',
  'escapes in quotes': 'ECHO "\\x41\\n\\a\\"q\\z"\r\nECHO \'a\\\'b\\n\'\r\n',
  'bare line feeds and empty lines': '\r\n\nPING\nPING\n',
  'a pipeline of good and bad':
    record('PING') + record('SET', 'k', 'v') + record('GET', 'k') + record('NOSUCH', 'a', 'b') + record('GET'),
  'PING and ECHO': lines('PING', 'PING a', 'PING a b', 'ECHO', 'ECHO a', 'ping', 'echo "a b"'),
  QUIT: lines('PING', 'QUIT', 'PING'),
  HTTP: lines('POST / HTTP/1.1'),
  'AUTH without a password': lines('AUTH', 'AUTH a', 'AUTH a b', 'AUTH default anything', 'AUTH a b c'),
  'HELLO errors': lines(
    'HELLO 4',
    'HELLO x',
    'HELLO 3 foo',
    'HELLO 3 AUTH a b',
    'HELLO 3 AUTH a',
    'HELLO 3 SETNAME "a b"',
    'HELLO 3 SETNAME',
  ),
  'nulls, maps and sets in RESP2': lines(
    'GET nosuch',
    'CLIENT TRACKINGINFO',
    'CONFIG GET port-nosuch',
    'COMMAND INFO nosuch',
    'MEMORY USAGE nosuch',
  ),
  'CLIENT names': lines(
    'CLIENT GETNAME',
    'CLIENT SETNAME "a b"',
    'CLIENT SETNAME x',
    'CLIENT GETNAME',
    'CLIENT SETNAME ""',
    'CLIENT GETNAME',
  ),
  'CLIENT KILL errors': lines(
    'CLIENT KILL foo',
    'CLIENT KILL ID 999999',
    'CLIENT KILL ID',
    'CLIENT KILL foo bar',
    'CLIENT KILL ID x',
    'CLIENT KILL ID 0',
    'CLIENT KILL SKIPME maybe',
    'CLIENT KILL TYPE foo',
    'CLIENT KILL USER nobody',
    'CLIENT KILL ADDR 1.2.3.4:5',
    'CLIENT KILL ADDR 1.2.3.4:5 SKIPME',
  ),

  'CLIENT LIST errors': lines(
    'CLIENT LIST TYPE foo',
    'CLIENT LIST ID x',
    'CLIENT LIST ID',
    'CLIENT LIST foo',
    'CLIENT LIST ID 999999',
    'CLIENT LIST TYPE pubsub',
  ),
  'CLIENT PAUSE errors': lines(
    'CLIENT PAUSE',
    'CLIENT PAUSE x',
    'CLIENT PAUSE -1',
    'CLIENT PAUSE 1 foo',
    'CLIENT PAUSE 0',
    'CLIENT UNPAUSE',
  ),
  'CLIENT REPLY': lines(
    'CLIENT REPLY foo',
    'PING',
    'CLIENT REPLY SKIP',
    'PING',
    'PING',
    'CLIENT REPLY OFF',
    'PING',
    'CLIENT REPLY ON',
  ),
  'CLIENT odds and ends': lines(
    'CLIENT',
    'CLIENT foo',
    'CLIENT NO-EVICT foo',
    'CLIENT NO-EVICT on',
    'CLIENT GETREDIR',
    'CLIENT UNBLOCK 999',
    'CLIENT UNBLOCK x',
    'CLIENT UNBLOCK 999 foo',
    'CLIENT UNBLOCK 999 TIMEOUT',
    'CLIENT ID a',
  ),
  'COMMAND GETKEYS': lines(
    'COMMAND GETKEYS SET a b',
    'COMMAND GETKEYS MSET a 1 b 2 c 3',
    'COMMAND GETKEYS GET',
    'COMMAND GETKEYS nosuch a',
    'COMMAND GETKEYS PING a',
    'COMMAND GETKEYS DEL a b c',
    'COMMAND GETKEYS SET a',
    'COMMAND GETKEYS OBJECT ENCODING k',
    'COMMAND foo',
    'COMMAND LIST foo',
  ),
  'CONFIG errors': lines(
    'CONFIG',
    'CONFIG foo',
    'CONFIG SET',
    'CONFIG SET a',
    'CONFIG SET a b',
    'CONFIG SET a b c',
    'CONFIG SET timeout x',
    'CONFIG SET timeout 1 timeout 2',
    'CONFIG REWRITE',
    'CONFIG RESETSTAT',
  ),
  'CONFIG SET takes effect': lines(
    'CONFIG SET timeout 100 maxclients 500',
    'CONFIG GET timeout',
    'CONFIG GET maxclients',
    'CONFIG SET timeout 0 maxclients 10000',
  ),
  LATENCY: lines(
    'LATENCY LATEST',
    'LATENCY HISTORY x',
    'LATENCY RESET',
    'LATENCY RESET a b',
    'LATENCY DOCTOR',
    'LATENCY GRAPH x',
    'LATENCY foo',
    'LATENCY',
  ),
  SLOWLOG: lines('SLOWLOG RESET', 'SLOWLOG GET', 'SLOWLOG GET x', 'SLOWLOG GET -2', 'SLOWLOG foo'),
  DEBUG: lines(
    'DEBUG',
    'DEBUG foo',
    'DEBUG JMAP',
    'DEBUG SLEEP 0',
    'DEBUG SLEEP',
    'DEBUG SET-ACTIVE-EXPIRE 0',
    'DEBUG SET-ACTIVE-EXPIRE 1',
    'DEBUG OBJECT nosuch',
    'DEBUG ERROR "foo bar"',
    'DEBUG DIGEST a',
  ),
  'DEBUG DIGEST': lines(
    'FLUSHALL',
    'DEBUG DIGEST',
    'SET a 1',
    'SET b "x y" PX 1000000',
    'SELECT 3',
    'SET c 0',
    'DEBUG DIGEST',
    'DEBUG DIGEST-VALUE c nosuch',
  ),
  'WAIT and the like': lines(
    'WAIT a 0',
    'WAIT 0 a',
    'WAIT 0 -1',
    'WAIT 0 0',
    'ROLE',
    'REPLICAOF NO ONE',
    'REPLICAOF a x',
    'SHUTDOWN foo',
    'SHUTDOWN ABORT',
    'SHUTDOWN SAVE NOSAVE',
    'SHUTDOWN ABORT NOW',
  ),
  'RESET leaves MULTI, the database, the protocol and the name': lines(
    'HELLO 3 SETNAME x',
    'SELECT 2',
    'MULTI',
    'SET a 1',
    'RESET',
    'CLIENT GETNAME',
    'EXEC',
    'GET a',
  ).replace('HELLO 3 SETNAME x\r\n', 'CLIENT SETNAME x\r\n'),
  'administration inside MULTI': lines(
    'MULTI',
    'CLIENT PAUSE 0',
    'CONFIG SET timeout 0',
    'SHUTDOWN',
    'PING',
    'EXEC',
    'MULTI',
    'PING',
    'ECHO a',
    'CLIENT GETNAME',
    'EXEC',
  ),
  'errors of containers': lines('CONFIG GET', 'SLOWLOG', 'MEMORY', 'MEMORY USAGE a foo', 'INFO nosuch', 'SAVE a', 'TIME a'),
};

describeWithRedis('the server against redis-server', () => {
  let redis: RealRedis;
  let ours: ComposedServer;
  const dir = mkdtempSync(join(tmpdir(), 'everysec-server-'));

  beforeAll(async () => {
    redis = await RealRedis.start();
    const env = createNodeEnv({ logger: { log: () => {} } });
    const config = Config.fromOptions({ port: 0, bind: '127.0.0.1', dir, appendonly: true, enableDebugCommand: 'yes' });
    ours = await composeServer({ config, env });
    await ours.server.listen();
    await ours.store.open();
  });
  afterAll(async () => {
    await redis?.stop();
    await ours?.server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const both = async (script: string) => [await answers(ours.server.port, script), await answers(redis.port, script)] as const;
  const values = (text: string): RespValue[] => parseReplies(Buffer.from(text, 'latin1'));

  for (const [name, script] of Object.entries(LITERAL)) {
    it(name, async () => {
      const [mine, theirs] = await both(script);
      expect(mine).toBe(theirs);
    });
  }

  it('a connection that kills itself gets the reply, and no more', async () => {
    const [mine, theirs] = await both(lines('PING', 'CLIENT KILL SKIPME NO TYPE normal', 'PING'));
    // How many there were besides depends on how soon the last test's were noticed to be gone.
    const counted = (text: string) => text.replace(/:\d+/, ':N');
    expect(counted(mine)).toBe(counted(theirs));
  });

  it('an inline request without an end is refused at 64 KiB', async () => {
    const refusals = [ours.server.port, redis.port].map(async (port) => {
      const client = await RawClient.connect(port);
      client.send('x'.repeat(70_000));
      await client.closed();
      return client.received;
    });
    const [mine, theirs] = await Promise.all(refusals);
    expect(mine).toBe('-ERR Protocol error: too big inline request\r\n');
    expect(theirs).toBe(mine);
  });

  it('HELLO 3 switches the protocol with its own reply', async () => {
    const script = lines(
      'HELLO 2',
      'HELLO 3',
      'GET nosuch',
      'CLIENT GETNAME',
      'CLIENT TRACKINGINFO',
      'COMMAND INFO get',
      'CONFIG GET timeout',
      'HELLO 2',
      'HELLO',
    );
    const [mine, theirs] = await both(script);
    const withoutId = (text: string) => text.replace(/(\$2\r\nid\r\n):\d+/g, '$1:N');
    expect(withoutId(mine)).toBe(withoutId(theirs));
  });

  it('CONFIG SET port moves the server, and a port that is taken leaves it where it was', async () => {
    const { port } = ours.server;
    const moved = await freePort();
    expect(await answers(port, lines(`CONFIG SET port ${redis.port}`))).toContain("(possibly related to argument 'port')");
    expect(await answers(port, lines('PING'))).toBe('+PONG\r\n');
    expect(await answers(port, lines(`CONFIG SET port ${moved}`))).toBe('+OK\r\n');
    expect(await answers(moved, lines('PING', 'CONFIG GET port'))).toContain(String(moved));
    await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED');
  });

  it('a password is asked for, and taken in each way', async () => {
    const script = lines(
      'PING',
      'GET a',
      'AUTH wrong',
      'HELLO 3',
      'HELLO 2 AUTH default wrong',
      'AUTH secret',
      'PING',
      'RESET',
      'PING',
      'AUTH default secret',
      'PING',
      'CONFIG SET requirepass ""',
    );
    for (const port of [ours.server.port, redis.port]) await answers(port, lines('CONFIG SET requirepass secret'));
    const [mine, theirs] = await both(script);
    expect(mine).toBe(theirs);
  });

  it('COMMAND INFO has the shape and, for each command of ours, the numbers of Redis', async () => {
    const names = ours.store.commands.list().map((spec) => spec.name);
    const script = lines(`COMMAND INFO ${names.join(' ')}`);
    const [mine, theirs] = (await both(script)).map((text) => values(text)[0] as RespValue[]);
    // A flag of later releases.
    const isShown = (flag: string) => flag !== 'touches_arbitrary_keys';
    const summary = (entry: RespValue) => {
      if (!Array.isArray(entry)) return null;
      const sorted = (value: RespValue | undefined) => (Array.isArray(value) ? value.map(String).filter(isShown).sort() : value);
      return [entry[0], entry[1], entry[3], entry[4], entry[5], sorted(entry[2]), sorted(entry[6]), entry.length];
    };
    expect(mine?.length).toBe(theirs?.length);
    theirs?.forEach((entry, i) => {
      // Commands of later releases (WAITAOF) are unknown to 7.0.
      if (entry !== null) expect(summary(mine?.[i] ?? null)).toEqual(summary(entry));
    });
  });

  it('CLIENT LIST, COMMAND COUNT, TIME and INFO have the same shape', async () => {
    const [mine, theirs] = await both(lines('CLIENT LIST', 'CLIENT INFO', 'COMMAND COUNT', 'TIME', 'LASTSAVE', 'CLIENT ID'));
    const [myList, myInfo, ...myRest] = values(mine);
    const [theirList, , ...theirRest] = values(theirs);
    const fields = (value: RespValue | undefined) =>
      String(value)
        .trim()
        .split('\n')
        .at(-1)
        ?.split(' ')
        .map((pair) => pair.split('=')[0]);
    expect(fields(myList)?.slice(0, -2)).toEqual(fields(theirList));
    expect(fields(myInfo)).toEqual(fields(myList));
    expect(myRest.map((value) => typeof value)).toEqual(theirRest.map((value) => typeof value));
  });

  it('INFO has the sections of Redis, in its order, and every field of clients, replication and cluster', async () => {
    const [mine, theirs] = (await both(lines('INFO'))).map((text) => String(values(text)[0]));
    const titles = (text = '') => text.match(/^# \w+/gm) ?? [];
    expect(titles(mine).slice(0, -1)).toEqual(titles(theirs));
    const parsed = (text = '') =>
      new Set(
        text
          .split('\r\n')
          .filter((line) => line.includes(':'))
          .map((line) => line.split(':')[0]),
      );
    const [mineClients, theirClients] = (await both(lines('INFO clients', 'INFO replication', 'INFO cluster', 'INFO CPU'))).map(
      (text) => parsed(values(text).join('\r\n')),
    );
    for (const name of theirClients ?? []) if (!/main_thread/.test(String(name))) expect(mineClients).toContain(name);
  });
});
