/**
 * What this process takes of memory. Node reads the resident size from a file of /proc, which fails when no descriptor is left: then
 * the last figures that could be had, because somebody who asks INFO at such a time must get an answer.
 */
let last: NodeJS.MemoryUsage = { rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 };

export function memoryInUse(): Readonly<NodeJS.MemoryUsage> {
  try {
    last = process.memoryUsage();
  } catch {
    // EMFILE.
  }
  return last;
}

export function residentBytes(): number {
  return memoryInUse().rss;
}
