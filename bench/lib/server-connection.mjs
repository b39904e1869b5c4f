/** A connection that says one command and waits for its reply: what a row asks a server beside the load. */
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const ATTEMPTS_MAX = 2000;
const PAUSE_MS = 5;

/** Tries until somebody listens. `ask(line)` resolves with the reply's text; replies are simple strings, errors, numbers and bulks. */
export async function connectTo(port) {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const socket = await new Promise((resolve) => {
      const trying = connect(port, '127.0.0.1', () => resolve(trying)).on('error', () => resolve(null));
    });
    if (socket !== null) return makeConnection(socket);
    await sleep(PAUSE_MS);
  }
  throw new Error('the server does not listen');
}

function makeConnection(socket) {
  socket.setNoDelay(true);
  let pending = null;
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.latin1Slice();
    if (pending === null || !isWhole(text)) return;
    const { resolve } = pending;
    const reply = text;
    pending = null;
    text = '';
    resolve(reply);
  });
  socket.on('close', () => pending?.reject(new Error('the server closed the connection')));
  return {
    ask: (line) =>
      new Promise((resolve, reject) => {
        pending = { resolve, reject };
        socket.write(`${line}\r\n`);
      }),
    close: () => socket.destroy(),
  };
}

function isWhole(text) {
  const end = text.indexOf('\r\n');
  if (end < 0) return false;
  if (text[0] !== '$') return true;
  return text.length >= end + 2 + Number(text.slice(1, end)) + 2;
}

/** One field of an INFO reply. */
export function infoField(info, name) {
  return new RegExp(`^${name}:(.*)\r$`, 'm').exec(info)?.[1];
}

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
