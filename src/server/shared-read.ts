/**
 * Sockets that read into one piece of memory, shared by all of a server's: no allocation and no stream between the kernel and the parser,
 * a third of what an event `data` costs (docs/decisions/008).
 *
 * net.Socket has the option `onread` for that, but net.createServer hands on no options of sockets. So the handle of an accepted
 * connection is moved to a socket that is made with it. Where a runtime has no such handle the accepted socket stays, with its events.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';

export interface InputListener {
  /** bytes[0] to bytes[end - 1] have come. The memory is used again when this returns. */
  readShared(bytes: Buffer, end: number): void;
  /** The same in memory that is the listener's from now on. */
  readOwn(chunk: Buffer): void;
}

/** What a socket that Node makes of a handle understands, and what its types do not name. */
interface AdoptingOptions extends SocketConstructorOpts {
  readonly handle: object;
  readonly onread: { readonly buffer: Buffer; readonly callback: (length: number, buffer: Buffer) => boolean };
}

/** `accepted` must not be reading yet (`pauseOnConnect`). Returns the socket to use from now on; it reads, and has no event `data`. */
export function readInto(buffer: Buffer, accepted: Socket, listener: InputListener): Socket {
  const handle: unknown = Reflect.get(accepted, '_handle');
  if (typeof handle !== 'object' || handle === null || !('useUserBuffer' in handle)) {
    accepted.on('data', (chunk: Buffer) => listener.readOwn(chunk));
    return accepted.resume();
  }
  const options: AdoptingOptions = {
    handle,
    // The end of a client's input is not the end of its replies.
    allowHalfOpen: true,
    onread: {
      buffer,
      callback: (length) => {
        listener.readShared(buffer, length);
        return true;
      },
    },
  };
  Reflect.set(accepted, '_handle', null);
  const socket = new Socket(options);
  // Its server counts it for as long.
  socket.once('close', () => accepted.destroy());
  return socket;
}
