/**
 * A recorded trace becomes simulated disks again, one step at a time, so that what another process did (the native engine under a
 * preloaded recorder) is enumerated by the same code as what ran in the simulation. disk-operation.ts says what a trace is.
 *
 *   for (const { operation, disk } of replay(readTrace(text), Image.of({ '/data': null }))) {
 *     if (operation.op === 'mark') acked.push(operation.text);
 *     for (const image of crashStates(disk)) ...
 *   }
 */
import { Disk } from './disk.js';
import { type DiskOperation, formatOperation, parseOperation } from './disk-operation.js';
import type { Image } from './image.js';

export interface ReplayStep {
  /** From 0. */
  readonly index: number;
  readonly operation: DiskOperation;
  /** After the operation. The same object in every step: look at it, or clone it, before the next one. */
  readonly disk: Disk;
}

/**
 * `initial`: what was there, durably, before the trace; or a disk as it stood then, which is left as it is. Throws at an operation that
 * makes no sense, naming its index.
 */
export function* replay(trace: Iterable<DiskOperation>, initial: Image | Disk): Generator<ReplayStep> {
  const disk = initial instanceof Disk ? initial.clone() : Disk.of(initial);
  let index = 0;
  for (const operation of trace) {
    try {
      disk.apply(operation);
    } catch (error) {
      throw new Error(`operation ${index}: ${formatOperation(operation).slice(0, 300)}: ${String(error)}`, { cause: error });
    }
    yield { index, operation, disk };
    index++;
  }
}

/** One operation per line; an unfinished last line is left out, as the recorded process may have been killed. */
export function readTrace(text: string): DiskOperation[] {
  const lines = text.split('\n');
  lines.pop();
  return lines.filter((line) => line !== '').map(parseOperation);
}
