// What many clients send in the same turn: read into memory that all share, put aside, run together. Nobody gets another's bytes,
// whether pieces are short or long, requests whole or torn, clients blocked or gone.
import { createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { readInto } from '../../src/server/shared-read.js';
import { Random, testSeed } from '../support/seeded-random.js';
import { RawClient, record, type ServerRig, settle, startRig } from '../support/server-rig.js';

let rig: ServerRig | null = null;
afterEach(async () => {
  await rig?.stop();
  rig = null;
});

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

describe('input of many clients', () => {
  it('in one turn, more than is put aside at once: each gets its own bytes back, in its own order', async () => {
    rig = await startRig();
    const seed = testSeed();
    const random = new Random(seed);
    const clients = await Promise.all(Array.from({ length: 300 }, () => rig?.client() as Promise<RawClient>));
    const wanted = clients.map(() => '');
    for (let round = 0; round < 12; round++) {
      const torn: [RawClient, string][] = [];
      clients.forEach((client, i) => {
        let sent = '';
        for (let left = random.logBetween(1, 20); left > 0; left--) {
          const text = `client ${i} round ${round} ${'x'.repeat(random.logBetween(1, 2000) - 1)}`;
          sent += record('ECHO', text);
          wanted[i] += bulk(text);
        }
        const cut = random.chance(0.3) ? random.below(sent.length) : sent.length;
        client.send(sent.slice(0, cut));
        if (cut < sent.length) torn.push([client, sent.slice(cut)]);
      });
      if (random.chance(0.5)) await settle();
      for (const [client, rest] of torn) client.send(rest);
      if (random.chance(0.3)) await Promise.all(clients.map((client, i) => client.text(wanted[i] ?? '')));
    }
    for (const [i, client] of clients.entries())
      expect(await client.text(wanted[i] ?? ''), `seed ${seed}, client ${i}`).toBe(wanted[i]);
  });

  it('of one that is blocked, and of one that has to wait, is theirs still when others have written over it', async () => {
    rig = await startRig();
    const [blocked, waiting, other] = [await rig.client(), await rig.client(), await rig.client()];
    const { store } = rig;
    store.isWritable = false;
    store.setWritable(false);
    blocked.send(record('BLOCK', 'for a while') + record('ECHO', 'what follows'));
    waiting.send(record('SET', 'key', 'value') + record('ECHO', 'after it'));
    await settle();
    // One by one, so that each is put aside, and a long one that is not.
    for (const text of ['7'.repeat(400), 'y'.repeat(300), 'z'.repeat(5000)]) {
      const { length } = other.received;
      other.send(record('ECHO', text));
      await other.bytes(length + bulk(text).length);
    }
    expect([blocked.received, waiting.received]).toEqual(['', '']);
    const session = Number(store.ran.find((line) => line.endsWith('BLOCK'))?.split(':')[0]);
    store.unblock({ id: session } as never);
    store.setWritable(true);
    expect(await blocked.text(`+UNBLOCKED\r\n${bulk('what follows')}`)).toBe(`+UNBLOCKED\r\n${bulk('what follows')}`);
    expect(await waiting.text(`+OK\r\n${bulk('after it')}`)).toBe(`+OK\r\n${bulk('after it')}`);
  });

  it('of clients that leave right after it runs, and harms nobody', async () => {
    rig = await startRig();
    const clients = await Promise.all(Array.from({ length: 40 }, () => rig?.client() as Promise<RawClient>));
    clients.forEach((client, i) => {
      client.send(record('SET', `${i}`, 'v'));
      if (i % 2 === 0) client.socket.end();
      if (i % 5 === 0) client.socket.destroy();
    });
    const staying = clients.filter((_, i) => i % 5 !== 0);
    for (const client of staying) expect(await client.text('+OK\r\n')).toBe('+OK\r\n');
    const late = await rig.client();
    late.send(record('PING'));
    expect(await late.text('+PONG\r\n')).toBe('+PONG\r\n');
  });
});

describe('a socket whose handle is moved', () => {
  it('reads into the given memory, tells of the end, and its server knows when it is gone', async () => {
    const got: string[] = [];
    const buffer = Buffer.alloc(10);
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (accepted: Socket) => {
      const socket = readInto(buffer, accepted, {
        readShared: (bytes, end) => void got.push(`${bytes === buffer} ${bytes.latin1Slice(0, end)}`),
        readOwn: () => got.push('own'),
      });
      socket.on('end', () => socket.end('bye'));
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const client = await RawClient.connect(typeof address === 'object' && address !== null ? address.port : 0);
    client.send('hello, and more');
    client.socket.end();
    await client.closed();
    expect([got, client.received]).toEqual([['true hello, and', 'true  more'], 'bye']);
    await new Promise((resolve) => void server.close(resolve));
  });
});

describe('a socket whose handle cannot be moved', () => {
  it('is read by its events', async () => {
    const got: string[] = [];
    const server = createServer({ pauseOnConnect: true }, (accepted: Socket) => {
      const handle: unknown = Reflect.get(accepted, '_handle');
      // Another runtime has something else there.
      Reflect.set(handle as object, 'useUserBuffer', undefined);
      const bare = new Proxy(accepted, {
        get: (target, name) => {
          const value: unknown = name === '_handle' ? {} : Reflect.get(target, name);
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
      readInto(Buffer.alloc(10), bare, {
        readShared: () => got.push('shared'),
        readOwn: (chunk) => void got.push(chunk.latin1Slice()),
      });
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const client = await RawClient.connect(typeof address === 'object' && address !== null ? address.port : 0);
    client.send('hello');
    await settle();
    expect(got).toEqual(['hello']);
    client.socket.destroy();
    server.close();
  });
});
