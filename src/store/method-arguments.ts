/** Arguments of the typed methods. */
import type { Arg } from '../backend/backend.js';

export type Argument = Arg | readonly Arg[];

/** Pairs for MSET and HSET: an object, a Map, or keys and values in turn. */
export type Pairs = [Record<string, Arg> | Map<string, Arg>] | Argument[];

export function flat(args: readonly Argument[]): readonly Arg[] {
  if (!args.some(Array.isArray)) return args as readonly Arg[];
  return (args as readonly (Arg | Arg[])[]).flat() as Arg[];
}

export function flatPairs(pairs: Pairs): readonly Arg[] {
  const [first] = pairs;
  if (first instanceof Map) return [...first].flat();
  if (
    pairs.length === 1 &&
    typeof first === 'object' &&
    first !== null &&
    !Array.isArray(first) &&
    !(first instanceof Uint8Array)
  ) {
    return Object.entries(first as Record<string, Arg>).flat();
  }
  return flat(pairs as Argument[]);
}
