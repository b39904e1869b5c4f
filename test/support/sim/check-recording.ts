/**
 * Every crash state of a recording is recovered, and what the engine had promised by then must be in it: acked units are there (written
 * ones after a kill), what is there is a prefix of what was appended, units are whole.
 */
import { Random } from '../seeded-random.js';
import { crashStates } from './crash-states.js';
import type { Disk } from './disk.js';
import { type DiskOperation, formatOperation } from './disk-operation.js';
import type { Image } from './image.js';
import { replay } from './replay.js';
import type { Recording } from './workload.js';

export interface Recoverer {
  /** Rejects when it does not open, or is not the same when it is opened again. */
  recoverImage(image: Image): Promise<{ commands: readonly string[]; lsn: number; nested: number }>;
  recoverKilled(disk: Disk, leastCommands: number): Promise<{ commands: readonly string[]; lsn: number; nested: number }>;
}

export interface Promised {
  appended: number;
  acked: number;
  written: number;
}

export interface Enumerated {
  /** Distinct durable images that were recovered. */
  images: number;
  /** Distinct images in the page cache of a killed process. */
  kills: number;
  /** Distinct durable images in the middle of recoveries. */
  nested: number;
  operations: number;
}

export interface CheckOptions {
  readonly recoverer: Recoverer;
  /** About so many images, spread over the operations. */
  readonly budget: number;
  /** Hashes of all durable images so far, those in the middle of recoveries too: what the counts are made of. */
  readonly distinct: Set<string>;
  /** Images whose bytes reached the disk in their order only. */
  readonly isOrdered?: boolean;
}

export async function checkRecording(recording: Recording, options: CheckOptions): Promise<Enumerated> {
  const { trace, initial, seed, units } = recording;
  const { recoverer, budget, distinct, isOrdered = false } = options;
  const firstStep = trace.findIndex((operation) => operation.op === 'mark' && operation.what === 'begin');
  const steps = trace.slice(firstStep).filter(isCrashPoint).length;
  // A small budget is spent at some operations rather than as one image at each.
  const imagesMax = Math.max(IMAGES_AT_LEAST, Math.ceil((budget / Math.max(1, steps)) * 1.5));
  const share = Math.max(OPERATIONS_AT_LEAST / steps, (budget * 1.5) / (steps * IMAGES_AT_LEAST));
  const promised: Promised = { appended: 0, acked: 0, written: 0 };
  const found: Enumerated = { images: 0, kills: 0, nested: 0, operations: 0 };
  const random = new Random(seed);
  /** Number of units recovered from each image. */
  const recovered = new Map<string, number>();
  for (const { index, operation, disk } of replay(trace, initial)) {
    if (operation.op === 'mark' && operation.what === 'promised') Object.assign(promised, JSON.parse(operation.text) as Promised);
    if (index < firstStep || !isCrashPoint(operation) || !random.chance(share)) continue;
    found.operations++;
    const settle = async (key: string, how: string, least: number, recover: () => ReturnType<Recoverer['recoverImage']>) => {
      try {
        let count = recovered.get(key);
        if (count === undefined) {
          const { commands, lsn, nested } = await recover();
          count = wholeUnits(commands, units);
          checkLsn(recording, lsn, count);
          recovered.set(key, count);
          found.nested += nested;
        }
        if (count < least) throw new Error(`${count} units are there, ${least} were promised`);
        if (count > promised.appended) throw new Error(`${count} units are there, ${promised.appended} were appended by then`);
      } catch (error) {
        throw new Error(
          `${recording.scenario.name}, seed ${seed}, after operation ${index} (${formatOperation(operation).slice(0, 120)}), ${how}\n${String(error instanceof Error ? error.message : error)}`,
          { cause: error },
        );
      }
    };
    for (const image of crashStates(disk, { seed: random.below(1 << 20), imagesMax, isOrdered })) {
      if (!distinct.has(image.hash)) found.images++;
      distinct.add(image.hash);
      await settle(image.hash, `a power loss that leaves ${image}`, promised.acked, () => recoverer.recoverImage(image));
    }
    const live = disk.liveImage();
    const key = `killed ${live.hash}`;
    if (!distinct.has(key)) found.kills++;
    distinct.add(key);
    const least = Math.max(promised.acked, promised.written);
    const leastCommands = units.slice(0, promised.acked).reduce((sum, unit) => sum + unit.length, 0);
    await settle(key, `killed with ${live}`, least, () => recoverer.recoverKilled(disk, leastCommands));
  }
  return found;
}

const IMAGES_AT_LEAST = 6;
const OPERATIONS_AT_LEAST = 6;

/** After what changes a disk, and after what changes the promises. A sync that succeeds leaves fewer states, not others. */
function isCrashPoint(operation: DiskOperation): boolean {
  switch (operation.op) {
    case 'begin':
    case 'open':
      return false;
    case 'sync':
    case 'syncDirectory':
      return operation.failed === true;
    case 'mark':
      return operation.what === 'promised';
    default:
      return true;
  }
}

/** How many units these commands are, one after the other. Throws when they are anything else. */
export function wholeUnits(commands: readonly string[], units: ReadonlyArray<readonly string[]>): number {
  let at = 0;
  for (const [count, unit] of units.entries()) {
    if (at === commands.length) return count;
    for (const [i, command] of unit.entries()) {
      if (commands[at] === command) at++;
      else if (at === commands.length) throw new Error(`unit ${count} is there with ${i} of its ${unit.length} commands`);
      else throw new Error(`command ${at} is ${show(commands[at])}, not ${show(command)} of unit ${count}`);
    }
  }
  if (at < commands.length) throw new Error(`behind all that was appended: ${show(commands[at])}`);
  return units.length;
}

/** The log goes on where the last recovered unit ended, perhaps behind a SELECT. */
function checkLsn({ lsns }: Recording, lsn: number, count: number): void {
  const end = lsns[count - 1] ?? 0;
  const next = lsns[count] ?? Number.POSITIVE_INFINITY;
  if (lsn < end || lsn >= next)
    throw new Error(`the log goes on at LSN ${lsn}; unit ${count} ended at ${end}, the next one at ${next}`);
}

function show(command: string | undefined): string {
  return command === undefined ? 'nothing' : JSON.stringify(command.slice(0, 60));
}
