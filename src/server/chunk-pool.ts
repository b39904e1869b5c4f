/** Memory for replies, shared by all connections: only those with replies under way hold any. */
import { ServerLimits } from './limits.js';

export class ChunkPool {
  private readonly free: Buffer[] = [];

  take(): Buffer {
    return this.free.pop() ?? Buffer.allocUnsafeSlow(ServerLimits.outputChunkBytes);
  }

  /** Nothing may refer to the chunk any more; one of another size is let go. */
  give(chunk: Buffer): void {
    if (chunk.length === ServerLimits.outputChunkBytes && this.free.length < ServerLimits.outputChunksKept) this.free.push(chunk);
  }
}
