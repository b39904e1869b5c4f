/**
 * What Node's sockets cost and nothing else: `node bare-server.mjs <port>` answers +OK to whatever arrives, without looking at it. One
 * arrival is one command, which is so for clients that wait for each reply (P=1).
 */
import { createServer } from 'node:net';

const OK = Buffer.from('+OK\r\n');

createServer({ noDelay: true }, (socket) => {
  socket.on('data', () => socket.write(OK));
  socket.on('error', () => socket.destroy());
}).listen(Number(process.argv[2]), '127.0.0.1');
