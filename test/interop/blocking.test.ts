/**
 * Clients that wait for lists, on redis-server and on our server side by side: the same steps by the same clients, one at rest before
 * the next. Equal replies in equal order, an equal log, an equal DEBUG DIGEST.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ChildServer, killAllServers } from '../support/child-server.js';
import { ClientCrowd, type Words } from '../support/client-crowd.js';
import { startEverysec } from '../support/everysec-server.js';
import { aofRecords, describeWithRedis, RealRedis } from '../support/redis-server.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const STEPS = sized(1_500, 60_000);

/**
 * `A: BLPOP a 0`: client A sends it. `A: MULTI | LPUSH a x | EXEC`: in one piece. `A leaves`: its connection ends. `A until it is over:
 * BLPOP a 1`: the step ends with its time. `<A>`: its number.
 */
const SCENES: Record<string, string[]> = {
  'one push, one waiter': ['A: BLPOP k 0', 'B: RPUSH k x'],
  'several waiters are served in the order in which they came': [
    'A: BLPOP k 0',
    'B: BRPOP k 0',
    'C: BLPOP k 0',
    'D: RPUSH k 1 2',
  ],
  'a push of more than there are waiters leaves the rest': [
    'A: BLPOP k 0',
    'B: BRPOP k 0',
    'C: RPUSH k 1 2 3 4',
    'C: LRANGE k 0 -1',
  ],
  'LPUSH of several': ['A: BLPOP k 0', 'B: BLPOP k 0', 'C: LPUSH k 1 2 3', 'C: LRANGE k 0 -1'],
  'several keys: the one that comes first': [
    'A: BLPOP a b c 0',
    'B: RPUSH c 1',
    'A: BRPOP a b 0',
    'B: RPUSH b 1 2',
    'A: BLPOP b a 0',
  ],
  'a key named twice': ['A: BLPOP a a b a 0', 'B: RPUSH a 1', 'A: BLPOP b b 0', 'B: RPUSH b 1 2'],
  'keys that are there are taken in the order of the arguments': [
    'B: RPUSH b 1',
    'B: RPUSH a 2',
    'A: BLPOP c b a 0',
    'A: BRPOP c a 0',
  ],
  'a transaction serves after EXEC, keys in the order in which they came': [
    'A: BLPOP a b 0',
    'B: BLPOP b a 0',
    'C: MULTI | RPUSH b b1 | RPUSH a a1 | RPUSH b b2 | EXEC',
    'C: LRANGE a 0 -1',
  ],
  'a list that is gone again before anybody looks': ['A: BLPOP a 0', 'C: MULTI | LPUSH a 1 | DEL a | EXEC', 'C: LPUSH a 2'],
  'a list that went and came again keeps its first place': [
    'A: BLMOVE a c LEFT RIGHT 0',
    'B: BLMOVE b c LEFT RIGHT 0',
    'C: MULTI | DEL b | LPUSH a 1 | DEL a | LPUSH b 2 | LPUSH a 3 | EXEC',
    'C: LRANGE c 0 -1',
  ],
  'a string, then a list, in one transaction': [
    'A: BLPOP a 0',
    'B: BLPOP b 0',
    'C: MULTI | SET a x | LPUSH b 1 | DEL a | LPUSH a 2 | EXEC',
  ],
  'an element pushed and popped in one transaction': ['A: BLPOP a 0', 'C: MULTI | RPUSH a 1 2 | LPOP a | EXEC', 'C: EXISTS a'],
  'a key of the wrong type keeps it waiting': ['A: BLPOP a 0', 'B: SET a x', 'B: HSET h f v', 'B: DEL a', 'B: RPUSH a 1'],
  'a key of the wrong type is an error at once': ['B: SET a x', 'A: BLPOP a 0', 'A: BLPOP n a 0', 'A: BLMPOP 0 2 n a LEFT'],
  'a list of no use to one is there for the next': [
    'B: SET s x',
    'A: BLMOVE a s LEFT RIGHT 0',
    'C: BRPOPLPUSH a s 0',
    'D: BLPOP a 0',
    'B: RPUSH a 1',
  ],
  RENAME: ['A: BLPOP a 0', 'B: RPUSH b 1 2', 'B: RENAME b a', 'B: LRANGE a 0 -1', 'A: BLPOP z 0', 'B: RENAMENX a z'],
  'RENAME over another type': ['A: BLPOP a 0', 'B: SET a x', 'B: RPUSH b 1', 'B: RENAME b a'],
  COPY: ['A: BRPOP a 0', 'B: RPUSH b 1 2', 'B: COPY b a', 'C: SELECT 1 | BLPOP a 0', 'B: COPY b a DB 1'],
  MOVE: ['A: SELECT 1 | BLPOP a 0', 'B: RPUSH a 1', 'B: MOVE a 1', 'B: EXISTS a'],
  SWAPDB: [
    'A: SELECT 1 | BLPOP a 0',
    'B: RPUSH a 1',
    'B: SWAPDB 0 1',
    'B: SWAPDB 0 1',
    'A: BLPOP a 0',
    'B: RPUSH a 2',
    'B: SWAPDB 1 0',
  ],
  'SWAPDB there and back in one transaction': [
    'A: SELECT 1 | BLPOP a 0',
    'B: RPUSH a 1',
    'B: MULTI | SWAPDB 0 1 | SWAPDB 1 0 | EXEC',
  ],
  'FLUSHALL keeps it waiting': ['A: BLPOP a 0', 'B: SET x y', 'B: FLUSHALL', 'B: RPUSH a 1'],
  'another database is another key': ['A: BLPOP a 0', 'B: SELECT 1 | RPUSH a 1', 'B: SELECT 0 | RPUSH a 2'],
  'LMOVE and RPOPLPUSH into the key': [
    'A: BLPOP a 0',
    'B: RPUSH b 1 2',
    'B: LMOVE b a LEFT RIGHT',
    'A: BLPOP a 0',
    'B: RPOPLPUSH b a',
  ],
  'LINSERT, LPUSHX and RPUSHX make no list': [
    'A: BLPOP a 0',
    'B: LPUSHX a 1',
    'B: RPUSHX a 1',
    'B: LINSERT a BEFORE x y',
    'B: RPUSH a 1',
  ],
  BLMOVE: [
    'A: BLMOVE a b LEFT RIGHT 0',
    'B: RPUSH a 1 2',
    'A: BLMOVE a b RiGhT lefT 0',
    'C: LRANGE b 0 -1',
    'A: BLMOVE a a LEFT LEFT 0',
    'B: RPUSH a 5',
    'C: LRANGE a 0 -1',
  ],
  BRPOPLPUSH: [
    'A: BRPOPLPUSH a b 0',
    'B: RPUSH a 1 2',
    'A: BRPOPLPUSH a b 0',
    'A: BRPOPLPUSH a a 0',
    'B: RPUSH a 5 6',
    'A: BRPOPLPUSH a a 0',
  ],
  'a chain': ['A: BLMOVE a b LEFT RIGHT 0', 'B: BRPOPLPUSH b c 0', 'C: BLPOP c 0', 'D: RPUSH a x', 'D: EXISTS a b c'],
  'a circle': [
    'A: BLMOVE a b LEFT RIGHT 0',
    'B: BLMOVE b a LEFT RIGHT 0',
    'D: RPUSH a x',
    'D: LRANGE a 0 -1',
    'D: LRANGE b 0 -1',
  ],
  'a move within one list serves the others too': [
    'A: BLMOVE a a LEFT RIGHT 0',
    'B: BLMOVE a a LEFT RIGHT 0',
    'C: BLPOP a 0',
    'D: BLPOP a 0',
    'E: RPUSH a 1',
    'E: RPUSH a 2',
  ],
  'two chains that meet': [
    'A: BLMOVE a c LEFT RIGHT 0',
    'B: BLMOVE b c LEFT RIGHT 0',
    'C: BLMPOP 0 1 c LEFT COUNT 5',
    'D: BLPOP c 0',
    'E: MULTI | RPUSH b 1 | RPUSH a 2 | EXEC',
  ],
  'a key that is pushed to again waits behind one that came before': [
    'A: BLPOP k 0',
    'B: BLPOP k 0',
    'C: BLPOP k 0',
    'D: BLMOVE m j LEFT LEFT 0',
    'E: BLMOVE m k LEFT LEFT 0',
    'F: BLPOP j 0',
    'G: MULTI | RPUSH k 1 2 | RPUSH m 3 4 | EXEC',
  ],
  BLMPOP: [
    'A: BLMPOP 0 2 a b LEFT COUNT 2',
    'B: RPUSH b 1 2 3',
    'B: LRANGE b 0 -1',
    'A: BLMPOP 0 2 a b RIGHT COUNT 10',
    'A: BLMPOP 0 1 a RIGHT',
    'C: BLMPOP 0 1 a LEFT COUNT 3',
    'B: RPUSH a 1 2 3 4 5 6',
  ],
  'WATCH of a key that a waiter popped': [
    'A: BLPOP a 0',
    'B: WATCH a',
    'C: RPUSH a 1',
    'B: MULTI | SET x 1 | EXEC',
    'B: WATCH a x',
    'B: MULTI | SET x 2 | EXEC',
  ],
  'WATCH of the waiter itself': ['A: WATCH a x', 'A: BLPOP a 0', 'B: RPUSH a 1', 'A: MULTI | SET y 1 | EXEC', 'B: EXISTS y'],
  'in a transaction nobody waits': [
    'A: MULTI | BLPOP a 0 | BRPOP a 0 | BLMOVE a b LEFT LEFT 0 | BRPOPLPUSH a b 0 | BLMPOP 0 1 a LEFT | EXEC',
    'A: HELLO 3',
    'A: MULTI | BLPOP a 0 | BLMOVE a b LEFT LEFT 0 | EXEC',
    'A: RPUSH a 1 2 3 4 5 6',
    'A: MULTI | BLPOP a 0 | BRPOP a 0 | BLMOVE a b LEFT LEFT 0 | BRPOPLPUSH a b 0 | BLMPOP 0 1 a LEFT COUNT 2 | EXEC',
  ],
  'one transaction that pops and pushes again': ['A: BLPOP a 0', 'B: MULTI | RPUSH a 1 | BLPOP a 0 | RPUSH a 2 | EXEC'],
  'RESP3 has its own null': [
    'A: HELLO 3',
    'A until it is over: BLPOP a 0.01',
    'A until it is over: BLMOVE a b LEFT LEFT 0.01',
    'A until it is over: BLMPOP 0.01 1 a LEFT',
  ],
  'the time is over': [
    'A until it is over: BLPOP a 0.02',
    'A until it is over: BRPOP a b 0.01',
    'A until it is over: BRPOPLPUSH a b 0.001',
    'A until it is over: BLMOVE a b LEFT LEFT 0x1p-7',
    'A until it is over: BLMPOP 1e-9 1 a LEFT',
  ],
  'time-outs that are none': [
    ...['-1', '-0.01', 'nan', 'inf', '-inf', 'x', '1e18', '9223372036854776', '1e5000', '0x', '.', '1e'].map(
      (word) => `A: BLPOP a ${word}`,
    ),
    'A: BLMOVE a b LEFT LEFT x',
    'A: BLMOVE a b MIDDLE LEFT x',
    'A: BRPOPLPUSH a b -1',
    'A: BLMPOP x 1 a LEFT',
    'A: BLMPOP x 0 a LEFT',
    'A: BLMPOP 0 2 a LEFT',
    'A: BLMPOP 0 1 a LEFT COUNT 0',
    'A: BLMPOP 0 1 a LEFT COUNT 1 COUNT 1',
    'A: BLPOP a',
    'A: BLMPOP 0 1 a',
  ],
  'time-outs that are none to speak of, or very long': [
    ...['-0', '-0.0001', '9223372036854775', '1e15', '+3000000', '0x1000'].flatMap((word) => [
      `A: BLPOP a ${word}`,
      'B: CLIENT UNBLOCK <A>',
    ]),
    'A: BLPOP a 2147484',
    'B: RPUSH a 1',
  ],
  'CLIENT UNBLOCK': [
    'A: BLPOP a 0',
    'B: CLIENT UNBLOCK <A>',
    'B: CLIENT UNBLOCK <A>',
    'A: BLMOVE a b LEFT LEFT 0',
    'B: CLIENT UNBLOCK <A> TIMEOUT',
    'A: BLMPOP 0 1 a LEFT',
    'B: CLIENT UNBLOCK <A> ERROR',
    'B: CLIENT UNBLOCK <nobody>',
    'B: CLIENT UNBLOCK x',
    'B: CLIENT UNBLOCK <A> MAYBE',
    'B: RPUSH a 1',
    'B: LRANGE a 0 -1',
  ],
  'CLIENT KILL, in one transaction with a push': [
    'A: BLPOP a 0',
    'B: MULTI | CLIENT KILL ID <A> | RPUSH a 1 | EXEC',
    'B: LRANGE a 0 -1',
  ],
  'a client that leaves is not served': ['A: BLPOP a 0', 'C: BLPOP a 0', 'A leaves', 'B: RPUSH a 1', 'B: EXISTS a'],
  'what follows in the pipeline waits its turn': [
    'A: BLPOP a 0 | RPUSH b x | PING | BLPOP b c 0 | BLPOP c 0',
    'B: RPUSH a 1',
    'B: RPUSH c 2',
    'B: EXISTS a b c',
  ],
  'QUIT and RESET behind it wait too': ['A: BLPOP a 0 | RESET | PING', 'B: RPUSH a 1', 'C: BLPOP a 0 | QUIT', 'B: RPUSH a 1'],
  'another key that comes and goes': ['A: BLPOP a 0', 'B: RPUSH b 1', 'B: DEL b', 'B: RPUSH a 3'],
  'a popped key is gone with its time to live': [
    'B: MULTI | RPUSH a 1 | EXPIREAT a 9999999999 | EXEC',
    'A: BLPOP a 0',
    'B: RPUSH a 2',
    'B: TTL a',
  ],
  'a list that has expired when it is looked at': ['A: BLPOP a 0', 'B: MULTI | RPUSH a 1 | PEXPIREAT a 1 | EXEC', 'B: RPUSH a 2'],
  'bytes of any kind': ['A: BLPOP \u00ff\u0000k 0', 'B: RPUSH \u00ff\u0000k \u0000\r\n'],
  'elements that look like numbers': ['A: BLPOP a 0', 'B: RPUSH a 0012', 'A: BLMOVE a b LEFT LEFT 0', 'B: RPUSH a 12 -5 1.0'],
};

interface Side {
  readonly crowd: ClientCrowd;
  /** Every record of the log since the beginning, each with its database. */
  records(): string[][];
}

let redis: RealRedis;
let server: ChildServer;
let serverDir: string;

async function sides(): Promise<{ theirs: Side; ours: Side; both: Side[] }> {
  const theirs = { crowd: await ClientCrowd.connect(redis.port), records: () => withDatabases(redis.incrRecords()) };
  const ours = { crowd: await ClientCrowd.connect(server.port), records: () => withDatabases(incrRecords(serverDir)) };
  const both = [theirs, ours];
  for (const { crowd } of both) await crowd.admin.ok('FLUSHALL');
  return { theirs, ours, both };
}

function incrRecords(dir: string): string[][] {
  const folder = join(dir, 'appendonlydir');
  const name = readdirSync(folder).find((file) => file.endsWith('.incr.aof')) ?? '';
  return aofRecords(readFileSync(join(folder, name)));
}

/** SELECT stands before MULTI in redis-server's log and may stand behind it in ours. */
function withDatabases(records: string[][]): string[][] {
  let db = '0';
  const out: string[][] = [];
  for (const record of records) {
    if (record[0] === 'SELECT') db = record[1] ?? '';
    else out.push(record[0] === 'MULTI' || record[0] === 'EXEC' ? record : [`db${db}`, ...record]);
  }
  return out;
}

function commandsOf(text: string): Words[] {
  return text.split(' | ').map((command) => command.split(' '));
}

async function step(side: Side, text: string): Promise<void> {
  const leaving = /^(\w+) leaves$/.exec(text)?.[1];
  if (leaving !== undefined) return side.crowd.leave(leaving);
  const [, name = '', isTimed, commands = ''] = /^(\w+)( until it is over)?: ((?:.|\s)+)$/.exec(text) ?? [];
  await side.crowd.send(name, ...commandsOf(commands));
  if (isTimed !== undefined) await side.crowd.answered(name);
}

describeWithRedis('clients that wait for lists, beside redis-server', () => {
  beforeAll(async () => {
    // Either way a record is in the file when its reply is here: under everysec both may answer ahead of their writer.
    redis = await RealRedis.start(['--appendonly', 'yes', '--aof-use-rdb-preamble', 'no', '--appendfsync', 'no']);
    serverDir = tempDir('blocking');
    server = await startEverysec({ dir: serverDir, appendfsync: 'always' });
  });
  afterAll(async () => {
    await redis?.stop();
    await killAllServers();
    removeTempDirs();
  });

  it.each(Object.entries(SCENES))('%s', async (_name, steps) => {
    const { theirs, ours, both } = await sides();
    const from = both.map((side) => side.records().length);
    for (const text of steps) {
      for (const side of both) await step(side, text);
      expect(ours.crowd.take(), text).toEqual(theirs.crowd.take());
      expect(ours.crowd.waiting, text).toEqual(theirs.crowd.waiting);
    }
    const [fromTheirs = 0, fromOurs = 0] = from;
    expect(ours.records().slice(fromOurs)).toEqual(theirs.records().slice(fromTheirs));
    expect(await ours.crowd.admin.ok('DEBUG', 'DIGEST')).toBe(await theirs.crowd.admin.ok('DEBUG', 'DIGEST'));
    for (const side of both) side.crowd.close();
  });

  it('any steps of several clients: equal replies, equal log, equal digest', async () => {
    const seed = testSeed();
    const random = new Random(seed);
    const { theirs, ours, both } = await sides();
    const from = both.map((side) => side.records().length);
    const history: string[] = [];
    for (let done = 0; done < STEPS; done++) {
      const text = randomStep(random, theirs.crowd.waiting);
      history.push(text);
      for (const side of both) await step(side, text);
      const context = `EVERYSEC_SEED=${seed} step ${done}:\n${history.slice(-25).join('\n')}`;
      expect(ours.crowd.take(), context).toEqual(theirs.crowd.take());
      expect(ours.crowd.waiting, context).toEqual(theirs.crowd.waiting);
      if (done % 100 === 99) {
        expect(await ours.crowd.admin.ok('DEBUG', 'DIGEST'), context).toBe(await theirs.crowd.admin.ok('DEBUG', 'DIGEST'));
      }
    }
    const [fromTheirs = 0, fromOurs = 0] = from;
    expect(ours.records().slice(fromOurs), `EVERYSEC_SEED=${seed}`).toEqual(theirs.records().slice(fromTheirs));
    for (const side of both) side.crowd.close();
  }, 600_000);
});

const NAMES = ['A', 'B', 'C', 'D', 'E', 'F', 'G'];

function randomStep(random: Random, waiting: readonly string[]): string {
  const free = NAMES.filter((name) => !waiting.includes(name));
  // Somebody is always there to go on with.
  const name = random.pick(free);
  const kind = random.below(20);
  if (waiting.length > 0 && kind === 0)
    return `${name}: CLIENT UNBLOCK <${random.pick(waiting)}> ${random.pick(['TIMEOUT', 'ERROR'])}`;
  if (waiting.length > 0 && kind === 1) return `${random.pick(waiting)} leaves`;
  if (waiting.length > 0 && kind === 2)
    return `${name}: MULTI | ${change(random)} | CLIENT KILL ID <${random.pick(waiting)}> | ${change(random)} | EXEC`;
  if (kind < 10 && free.length > 1) return `${name}: ${wait(random)}`;
  if (kind < 13) {
    const inside = Array.from({ length: random.between(1, 6) }, () => (random.chance(0.2) ? wait(random) : change(random)));
    return `${name}: MULTI | ${inside.join(' | ')} | EXEC`;
  }
  if (kind === 13)
    return `${name}: ${random.pick(['SELECT 0', 'SELECT 1', 'HELLO 2', 'HELLO 3', 'WATCH l0 l1', 'UNWATCH', 'RESET'])}`;
  return `${name}: ${change(random)}`;
}

const list = (random: Random) => `l${random.below(4)}`;
const lists = (random: Random, most: number) => Array.from({ length: random.between(1, most) }, () => list(random)).join(' ');
const end = (random: Random) => random.pick(['LEFT', 'RIGHT', 'left', 'Right']);

function wait(random: Random): string {
  const count = random.between(1, 3);
  return random.pick([
    () => `${random.pick(['BLPOP', 'BRPOP', 'blpop'])} ${lists(random, 3)} 0`,
    () => `BLMOVE ${list(random)} ${list(random)} ${end(random)} ${end(random)} 0`,
    () => `BRPOPLPUSH ${list(random)} ${list(random)} 0`,
    () =>
      `BLMPOP 0 ${count} ${Array.from({ length: count }, () => list(random)).join(' ')} ${end(random)} COUNT ${random.between(1, 4)}`,
  ])();
}

function change(random: Random): string {
  const elements = Array.from({ length: random.between(1, 4) }, () => `e${random.below(100)}`).join(' ');
  return random.pick([
    () => `${random.pick(['LPUSH', 'RPUSH'])} ${list(random)} ${elements}`,
    () => `${random.pick(['LPUSH', 'RPUSH'])} ${list(random)} ${elements}`,
    () => `${random.pick(['LPOP', 'RPOP', 'DEL', 'UNLINK', 'TYPE', 'LLEN'])} ${list(random)}`,
    () => `${random.pick(['RENAME', 'RENAMENX', 'COPY', 'RPOPLPUSH'])} ${list(random)} ${list(random)}`,
    () => `LMOVE ${list(random)} ${list(random)} ${end(random)} ${end(random)}`,
    () => `COPY ${list(random)} ${list(random)} ${random.pick(['REPLACE', 'DB 1', 'DB 1 REPLACE'])}`,
    () => `MOVE ${list(random)} ${random.below(2)}`,
    () => `SET ${list(random)} x`,
    () => `${random.pick(['LPUSHX', 'RPUSHX'])} ${list(random)} ${elements}`,
    () => `LTRIM ${list(random)} 1 ${random.between(0, 3)}`,
    () => `LINSERT ${list(random)} BEFORE e${random.below(100)} y`,
    () => `${random.pick(['LREM', 'LSET'])} ${list(random)} 0 e${random.below(100)}`,
    () => (random.chance(0.1) ? 'FLUSHDB' : `PERSIST ${list(random)}`),
  ])();
}
