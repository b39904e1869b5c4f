/**
 * kill -9 with a rewrite in flight, each time: the server is stopped at a random moment, its files are looked at while nothing moves, and
 * unless they show a rewrite it goes on for a while. What they show: a temp base, or a base that has its name and that the manifest does
 * not name. What was answered is there once, no unit is half, nothing is left over after the next start.
 *
 * 10 kills for each policy; EVERYSEC_LONG=1: 200.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type ChildServer, killAllServers, pause } from '../support/child-server.js';
import { backendUnderTest, startEverysec } from '../support/everysec-server.js';
import type { RespClient } from '../support/resp-client.js';
import { isLongRun, Random, sized, testSeed } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const backend = backendUnderTest();
const KILLS = sized(10, 200);
const KEYS = 20_000;
/** Looks at a stopped server until one shows a rewrite. */
const LOOKS_MAX = 400;

afterEach(async () => {
  await killAllServers();
  removeTempDirs();
});

describe(`kill -9 with a rewrite in flight, backend ${backend}`, () => {
  it.each(['always', 'everysec'] as const)(
    `appendfsync %s, ${KILLS} times: what was answered is there, once`,
    { timeout: isLongRun ? 3_600_000 : 120_000 },
    async (appendfsync) => {
      const seed = testSeed();
      const random = new Random(seed);
      const dir = tempDir('rewrite-kill');
      const shown = new Map<string, number>();
      let answered = 0;
      let looks = 0;
      for (let round = 0; round < KILLS; round++) {
        const config = { 'auto-aof-rewrite-percentage': '0' };
        const server = await startEverysec({ dir, appendfsync, config });
        const client = await server.connect();
        const where = `seed ${seed}, round ${round}`;
        const found = await unitsOf(client, where);
        expect(found, `${where}: lost`).toBeGreaterThanOrEqual(answered);
        expect(found, `${where}: more than was sent`).toBeLessThanOrEqual(answered + 1);
        expect(leftovers(dir), where).toEqual([]);
        answered = found;
        const noise = await server.connect();
        if (round === 0) await fill(noise);
        const admin = await server.connect();
        const units = (async () => {
          for (;;) {
            const replies = ['MULTI', `INCR n`, `RPUSH seq ${answered + 1}`, 'EXEC'].map((line) =>
              client.call(...line.split(' ')),
            );
            for (const reply of replies) reply.catch(() => {});
            if (!Array.isArray(await replies.at(-1)?.catch(() => null))) return;
            answered++;
          }
        })();
        const others = writeOn(noise, random);
        const rewrites = (async () => {
          while ((await admin.call('BGREWRITEAOF').catch(() => null)) !== null);
        })();
        for (;;) {
          await pause(random.logBetween(1, 200));
          looks++;
          const state = await stoppedState(server, dir);
          // Something was answered in this round too.
          if (state !== '' && answered > found) {
            shown.set(state, (shown.get(state) ?? 0) + 1);
            break;
          }
          expect(looks, `${where}: no rewrite is seen`).toBeLessThan(LOOKS_MAX * (round + 1));
          server.signal('SIGCONT');
        }
        await server.kill();
        await Promise.all([units, others, rewrites]);
      }
      const kills = [...shown.values()].reduce((sum, times) => sum + times, 0);
      expect(kills).toBe(KILLS);
      const kinds = [...shown].map(([state, times]) => `${times} with ${state}`).join(', ');
      console.log(
        `kill -9 in a rewrite: ${backend} ${appendfsync}, ${kills} kills, ${kinds} (${looks} looks), ${answered} units answered, nothing lost (seed ${seed})`,
      );
    },
  );
});

/** Stops it. What its files show of a rewrite in flight; '' for nothing. */
async function stoppedState(server: ChildServer, dir: string): Promise<string> {
  server.signal('SIGSTOP');
  const state = () => /\) (\S)/.exec(readFileSync(`/proc/${server.pid}/stat`, 'utf8'))?.[1];
  for (let i = 0; state() !== 'T'; i++) {
    if (i > 5000) throw new Error(`it does not stop: ${server.describe()}`);
    await pause(1);
  }
  if (filesIn(dir).some((name) => name.startsWith('temp-') && name.endsWith('.base'))) return 'a temp base';
  return leftovers(dir).some((name) => name.endsWith('.base.aof')) ? 'a base that is not named' : '';
}

function filesIn(dir: string): string[] {
  return [...readdirSync(dir), ...readdirSync(join(dir, 'appendonlydir'))];
}

/** Files that the manifest does not name. */
function leftovers(dir: string): string[] {
  const manifest = readFileSync(join(dir, 'appendonlydir', 'appendonly.aof.manifest'), 'utf8');
  const isKnown = (name: string) => name === 'appendonlydir' || name.includes('.lock') || name === 'appendonly.aof.manifest';
  return filesIn(dir).filter((name) => !isKnown(name) && !manifest.includes(`file ${name} `));
}

async function unitsOf(client: RespClient, where: string): Promise<number> {
  const seq = (await client.ok('LRANGE', 'seq', 0, -1)) as string[];
  expect(seq, where).toEqual(seq.map((_, i) => String(i + 1)));
  expect(Number(await client.ok('GET', 'n')), `${where}: half a unit`).toBe(seq.length);
  return seq.length;
}

async function fill(client: RespClient): Promise<void> {
  for (let at = 0; at < KEYS; at += 1000)
    await Promise.all(Array.from({ length: 1000 }, (_, i) => client.ok('SET', `fill:${at + i}`, 'x'.repeat(100))));
}

/** Keys change and go before the walk comes to them. */
async function writeOn(client: RespClient, random: Random): Promise<void> {
  for (let at = 0; ; at++) {
    const key = `fill:${random.below(KEYS)}`;
    const command = random.pick([
      ['SET', key, String(at)],
      ['DEL', key],
      ['RENAME', key, `fill:${random.below(KEYS)}`],
      ['RPUSH', `list:${random.below(5)}`, String(at)],
      ['HSET', `hash:${random.below(5)}`, `f${random.below(2000)}`, String(at)],
      ['COPY', 'hash:1', 'hash:copy', 'REPLACE'],
    ]);
    if ((await client.call(...command).catch(() => null)) === null && client.isClosed) return;
  }
}
