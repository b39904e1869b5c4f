/**
 * Where clients come in: TCP addresses and a unix socket. A unix socket is never there with wider permissions than configured:
 * its mode is set through the umask while it is bound.
 */
import { existsSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { ServerSettings } from './server-settings.js';

export interface Arrival {
  readonly socket: Socket;
  /** 'host:port', or the unix socket's path and ':0'. */
  readonly address: string;
  readonly localAddress: string;
  /** Came over the loopback interface or the unix socket. */
  readonly isLocal: boolean;
}

export class Listener {
  private readonly servers: Server[] = [];
  private unixPath = '';

  constructor(
    private readonly onArrival: (arrival: Arrival) => void,
    private readonly log: (level: 'notice' | 'warning', message: string) => void,
  ) {}

  /** The TCP port that is listened on; 0 when there is none. */
  get port(): number {
    for (const server of this.servers) {
      const address = server.address();
      if (address !== null && typeof address === 'object') return address.port;
    }
    return 0;
  }

  /** Rejects, with nothing left open, when an address cannot be had. */
  async open(settings: ServerSettings): Promise<void> {
    try {
      if (settings.port > 0 || settings.unixSocket === '') await this.openTcp(settings);
      if (settings.unixSocket !== '') await this.openUnix(settings);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Other TCP addresses, or another port, from now on; clients that are there stay. Rejects with the old ones open again. */
  async rebind(settings: ServerSettings, before: ServerSettings): Promise<void> {
    // The old ones go first: they may be some of the new ones.
    const { port } = this;
    this.closeTcp();
    try {
      await this.openTcp(settings);
    } catch (error) {
      this.closeTcp();
      await this.openTcp({ ...before, port });
      throw error;
    }
  }

  /** No new clients; those that are there stay. Removes the unix socket. */
  close(): void {
    // The listening sockets are closed at once; close() would call back when the last connection is gone.
    for (const server of this.servers.splice(0)) server.close();
    if (this.unixPath !== '' && existsSync(this.unixPath)) unlinkSync(this.unixPath);
    this.unixPath = '';
  }

  private closeTcp(): void {
    for (const server of this.servers.splice(0)) {
      if (typeof server.address() === 'string') this.servers.push(server);
      else server.close();
    }
  }

  private async openTcp(settings: ServerSettings): Promise<void> {
    let port = settings.port;
    for (const word of settings.bind) {
      const isOptional = word.startsWith('-');
      const name = isOptional ? word.slice(1) : word;
      const host = name === '*' ? '0.0.0.0' : name === '::*' ? '::' : name;
      try {
        const server = await this.listen(settings, (made) =>
          made.listen({ host, port, backlog: settings.backlog, ipv6Only: host.includes(':') }),
        );
        const address = server.address();
        // Port 0 asks for any port: the further addresses get the same.
        if (port === 0 && address !== null && typeof address === 'object') port = address.port;
      } catch (error) {
        const code = codeOf(error);
        if (isOptional && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT' || code === 'EINVAL')) continue;
        this.log('warning', `Warning: Could not create server TCP listening socket ${host}:${port}: ${describe(error)}`);
        throw error;
      }
    }
  }

  private async openUnix(settings: ServerSettings): Promise<void> {
    const path = settings.unixSocket;
    if (existsSync(path) && lstatSync(path).isSocket()) unlinkSync(path);
    try {
      await this.listen(settings, (made) => {
        if (settings.unixSocketMode === 0) return made.listen({ path, backlog: settings.backlog });
        const mask = process.umask(0o777 & ~settings.unixSocketMode);
        try {
          made.listen({ path, backlog: settings.backlog });
        } finally {
          process.umask(mask);
        }
      });
      this.unixPath = path;
    } catch (error) {
      this.log('warning', `Failed opening Unix socket: ${describe(error)}`);
      throw error;
    }
  }

  private listen(settings: ServerSettings, start: (server: Server) => void): Promise<Server> {
    const server = createServer({
      // The end of a client's input is not the end of its replies; connection.ts closes.
      allowHalfOpen: true,
      // connection.ts reads, in its own way.
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: settings.keepAliveMs > 0,
      keepAliveInitialDelay: settings.keepAliveMs,
    });
    server.on('connection', (socket) => this.onArrival(describeArrival(socket, settings.unixSocket)));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.once('listening', () => {
        server.off('error', reject);
        server.on('error', (error) => this.log('warning', `Error accepting a client connection: ${describe(error)}`));
        this.servers.push(server);
        resolve(server);
      });
      start(server);
    });
  }
}

function describeArrival(socket: Socket, unixPath: string): Arrival {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (localPort === undefined) return { socket, address: `${unixPath}:0`, localAddress: `${unixPath}:0`, isLocal: true };
  const host = plain(remoteAddress ?? '?');
  return {
    socket,
    address: join(host, remotePort ?? 0),
    localAddress: join(plain(localAddress ?? '?'), localPort),
    isLocal: host.startsWith('127.') || host === '::1',
  };
}

function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

function join(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function describe(error: unknown): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return 'bind: Address already in use';
    case 'EADDRNOTAVAIL':
      return 'bind: Cannot assign requested address';
    case 'EACCES':
      return 'bind: Permission denied';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
