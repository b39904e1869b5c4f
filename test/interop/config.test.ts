/**
 * CONFIG GET and CONFIG SET against real redis-server: the same defaults, the same printing, the same refusals, literally.
 * Where we differ on purpose, the list here says so and why.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Config } from '../../src/config/config.js';
import { DIRECTIVE_NAMES, directiveOf } from '../../src/config/directives.js';
import { describeWithRedis, RealRedis } from '../support/redis-server.js';
import { type RespClient, RespError, type RespValue } from '../support/resp-client.js';

/** Not in 7.0.15: ours, or of a later Redis or Valkey. */
const UNKNOWN_TO_REDIS = new Set([
  'aof-checksum',
  'aof-layout',
  'aof-buffer-limit',
  'backend',
  'on-disk-error',
  'aof-load-corrupt-tail-max-size',
  'rdb-version-check',
]);

/** Given on redis-server's command line here, or different on purpose. */
const OTHER_DEFAULTS = new Set([
  'dir',
  'port',
  'logfile',
  'save',
  'bind',
  'enable-debug-command',
  // Finite here.
  'client-output-buffer-limit',
]);

describeWithRedis('configuration beside redis-server', () => {
  let redis: RealRedis;
  let client: RespClient;

  beforeAll(async () => {
    redis = await RealRedis.start();
    client = await redis.connect();
  });

  afterAll(async () => {
    client?.close();
    await redis?.stop();
  });

  /** What CONFIG GET prints for a whole name; null when there is none. */
  async function redisText(name: string): Promise<string | null> {
    const reply = (await client.call('CONFIG', 'GET', name)) as RespValue[];
    return reply.length === 0 ? null : String(reply[1]);
  }

  it('every default is Redis’s', async () => {
    const config = new Config();
    for (const name of DIRECTIVE_NAMES) {
      const theirs = await redisText(name);
      expect(theirs === null, name).toBe(UNKNOWN_TO_REDIS.has(name));
      if (theirs !== null && !OTHER_DEFAULTS.has(name)) expect(config.text(name), name).toBe(theirs);
    }
  });

  it('patterns find the same names, aliases and hidden ones included', async () => {
    const config = new Config();
    for (const pattern of [
      'append*',
      'aof*',
      'list-max-*',
      'hash-max-*',
      'lua-*',
      '*key-*delay*',
      'h?',
      '[hp]*z',
      'HZ',
      'no-*',
    ]) {
      const reply = (await client.call('CONFIG', 'GET', pattern)) as RespValue[];
      const theirs = reply.map(String).filter((_, i) => i % 2 === 0);
      const ours = config.get([pattern]).map(([name]) => name);
      expect(ours.filter((name) => !UNKNOWN_TO_REDIS.has(name) && name !== 'aof-rewrite-cpulist').sort(), pattern).toEqual(
        theirs.sort(),
      );
    }
  });

  it('values are taken and printed, or refused, in the same words', async () => {
    const config = Config.fromOptions({ clientOutputBufferLimit: 'normal 0 0 0', save: '' });
    for (const [name, ...values] of CASES) {
      for (const value of values) {
        const reply = await client.call('CONFIG', 'SET', name, value);
        const theirs = textOf(reply);
        const ours = replyOf(() => config.set([[name, value]]));
        expect(ours, `${name} ${value}`).toBe(theirs);
        expect(config.text(name), `${name} ${value}`).toBe(await redisText(name));
      }
    }
  });

  it('what is immutable or protected there is so here', async () => {
    const config = new Config();
    for (const name of DIRECTIVE_NAMES) {
      if (UNKNOWN_TO_REDIS.has(name) || directiveOf(name).mutability === 'mutable') continue;
      const reply = await client.call('CONFIG', 'SET', name, '1');
      const theirs = textOf(reply);
      expect(
        replyOf(() => config.set([[name, '1']])),
        name,
      ).toBe(theirs);
    }
  });
});

/** Directive, then values in order; each is compared with its effect. */
const CASES: ReadonlyArray<readonly [string, ...string[]]> = [
  ['appendfsync', 'foo', 'ALWAYS', 'no', '', 'everysec'],
  ['no-appendfsync-on-rewrite', 'maybe', 'YES', 'no'],
  ['auto-aof-rewrite-percentage', '-1', '0', '2147483648', '100%', '050', '+1', '1e3', '100'],
  ['auto-aof-rewrite-min-size', '1.5mb', '1MB', '10k', '10K', '1gb', '', '-1', '1 mb', '9223372036854775808', '64mb'],
  ['aof-load-truncated', 'no', '1', 'yes'],
  ['maxclients', '0', 'abc', '4294967296', '100'],
  ['hz', '100000', '-1', '10 ', '0', '10'],
  ['timeout', '-1', '3000000000', '5'],
  ['maxmemory', '1xb', '1gb', '-1', '50%', '0'],
  ['maxmemory-policy', 'foo', 'ALLKEYS-LRU'],
  ['maxmemory-clients', '50%', '101%', '-1%', 'x%', 'x', '1mb', '0'],
  ['save', '10 abc', '900 1 300', '900 1 300 10', '0 1', '1 -1', '  5  6 ', 'x', ''],
  [
    'client-output-buffer-limit',
    'normal 1mb 0 60',
    'foo 1 2 3',
    'normal 1 2',
    'normal a 2 3',
    'normal 1 2 3 pubsub 1 2 -3',
    'master 1 2 3',
    'REPLICA 1k 2 3 pubsub 4 5 6',
    '',
  ],
  ['list-max-listpack-size', '99999999999', '128', '-2'],
  ['hash-max-listpack-value', '1k', 'x', '64'],
  ['loglevel', 'foo', 'DEBUG', 'notice'],
  ['shutdown-on-sigterm', 'save now', 'save nosave', 'foo', 'NOSAVE force', 'default', ''],
  ['active-expire-effort', '11', '0', '10', '1'],
  ['slowlog-log-slower-than', '-5', '-1', '10000'],
  ['slowlog-max-len', '-5', '10'],
  ['latency-monitor-threshold', '-1', '100'],
  ['latency-tracking-info-percentiles', '50 101', 'x', '50 99.99', '-1', ''],
  ['client-query-buffer-limit', '1', '2mb'],
  ['notify-keyspace-events', 'Q', 'KEA', 'Kg$', 'g$lshzxetd', 'mKn', 'AKEm', ''],
  ['lazyfree-lazy-expire', 'yes', 'x'],
  ['rdb-key-save-delay', '-5', 'x', '0'],
  ['loading-process-events-interval-bytes', '1', '4096'],
  ['requirepass', ''],
  ['tcp-keepalive', 'abc', '60'],
  ['shutdown-timeout', '-1', '5'],
  ['propagation-error-behavior', 'x', 'panic-on-replicas', 'ignore'],
  ['sanitize-dump-payload', 'clients', 'x', 'no'],
  ['nosuch', '1'],
];

function replyOf(act: () => unknown): string {
  try {
    act();
    return 'OK';
  } catch (error) {
    return `ERR ${(error as Error).message}`;
  }
}

function textOf(reply: RespValue): string {
  return reply instanceof RespError ? reply.message : String(reply);
}
