/** What a client may not do to the server. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { RawClient, record, type ServerRig, settle, startRig } from '../support/server-rig.js';

const PING = record('PING');

describe('limits', () => {
  let rig: ServerRig;
  afterEach(() => rig.stop());

  it('refuses more clients than maxclients', async () => {
    rig = await startRig({ maxclients: '2' });
    const [first] = [await rig.client(), await rig.client()];
    const third = await rig.client();
    await third.closed();
    expect(third.received).toBe('-ERR max number of clients reached\r\n');
    first.socket.destroy();
    await settle();
    const fourth = await rig.client();
    fourth.send(PING);
    expect(await fourth.text('+PONG\r\n')).toBe('+PONG\r\n');
  });

  it('a protocol error is answered after the replies before it, then the connection closes', async () => {
    rig = await startRig();
    const client = await rig.client();
    client.send(`${PING}*1\r\n:1\r\n${PING}`);
    await client.closed();
    expect(client.received).toBe("+PONG\r\n-ERR Protocol error: expected '$', got ':'\r\n");
  });

  it('unauthenticated clients may send little, and more once they are known', async () => {
    rig = await startRig({ requirepass: 'secret' });
    const [tooMany, tooLong, known] = [await rig.client(), await rig.client(), await rig.client()];
    tooMany.send('*11\r\n');
    tooLong.send('*1\r\n$20000\r\n');
    await Promise.all([tooMany.closed(), tooLong.closed()]);
    expect(tooMany.received).toBe('-ERR Protocol error: unauthenticated multibulk length\r\n');
    expect(tooLong.received).toBe('-ERR Protocol error: unauthenticated bulk length\r\n');
    known.send(record('AUTH') + record('ECHO', 'x'.repeat(20_000)));
    expect((await known.bytes(20_000)).startsWith('+OK\r\n$20000\r\nxxx')).toBe(true);
  });

  it('an unauthenticated client that does not read loses its connection early', async () => {
    rig = await startRig({ requirepass: 'secret' });
    rig.store.watermark = 0;
    const client = await rig.client();
    // Held replies stand for a client that takes nothing: both are output that waits.
    client.send(record('SET', 'k', 'v') + record('HELD', '3000'));
    await client.closed();
    expect(client.received).toBe('');
  });

  it('closes a client whose output is over its hard limit', async () => {
    rig = await startRig({ 'client-output-buffer-limit': 'normal 1mb 0 0' });
    const client = await rig.client();
    client.socket.pause();
    client.send(record('HELD', '30000000'));
    await settle();
    expect(rig.server.clients.count).toBe(0);
    expect(rig.log.some((line) => line.includes('output buffer limits'))).toBe(true);
  });

  it('runs no more commands of a client that takes no replies, and goes on when it does', async () => {
    rig = await startRig();
    const client = await rig.client();
    client.socket.pause();
    const one = 10_000_000;
    client.send(record('HELD', String(one)).repeat(30));
    await settle();
    await settle();
    const ran = rig.store.ran.length;
    expect(ran).toBeLessThan(20);
    client.received = '';
    let bytes = 0;
    client.socket.removeAllListeners('data');
    await new Promise<void>((resolve) => {
      client.socket.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes >= 30 * one) resolve();
      });
      client.socket.resume();
    });
    expect(rig.store.ran.length).toBe(30);
  });

  it('ends requests that were left half sent, and idle clients where that is wanted', async () => {
    rig = await startRig({ timeout: '300' });
    const [half, idle] = [await rig.client(), await rig.client()];
    half.send('*2\r\n$4\r\nECHO\r\n$3\r\nab');
    await settle();
    await new Promise((resolve) => setTimeout(resolve, 150));
    rig.skip(61_000);
    await half.closed();
    idle.send(PING);
    expect(await idle.text('+PONG\r\n')).toBe('+PONG\r\n');
    rig.skip(301_000);
    await idle.closed();
  });

  it('aborts a connection that speaks HTTP', async () => {
    rig = await startRig();
    const client = await rig.client();
    client.send('POST / HTTP/1.1\r\nHost: x\r\n\r\nPING\r\n');
    await client.closed();
    expect(client.received).toBe('');
    expect(rig.store.ran).toEqual([]);
  });

  it('in protected mode only this machine may come in over the loopback interface', async () => {
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((address) => address !== undefined && !address.internal && address.family === 'IPv4');
    rig = await startRig({ bind: outside === undefined ? '127.0.0.1' : `127.0.0.1 ${outside.address}` });
    if (outside === undefined) return;
    const socket = await new Promise<string>((resolve) => {
      const chunks: string[] = [];
      import('node:net').then(({ connect }) => {
        const made = connect(rig.server.port, outside.address);
        made.on('data', (chunk: Buffer) => void chunks.push(chunk.latin1Slice()));
        made.on('close', () => resolve(chunks.join('')));
      });
    });
    expect(socket.startsWith('-DENIED Redis is running in protected mode')).toBe(true);
  });
});

describe('unix socket', () => {
  it('has the wanted mode from the moment it exists, and goes with the server', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'everysec-unix-'));
    const path = join(dir, 's.sock');
    const rig = await startRig({ unixsocket: path, unixsocketperm: '600' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const client = await RawClient.connect(path);
    client.send(PING);
    expect(await client.text('+PONG\r\n')).toBe('+PONG\r\n');
    expect(rig.server.clients.describe([...rig.server.clients.list()][0] ?? ({} as never))).toContain(`addr=${path}:0`);
    client.socket.destroy();
    await rig.stop();
    expect(() => statSync(path)).toThrow();
    rmSync(dir, { recursive: true });
  });
});
