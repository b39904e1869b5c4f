/** Mutants that no test can tell from the original, each with the reason. An entry without its mutant is an error. */
export const EQUIVALENTS = new Map([
  [
    'base-writer.hand.flush.removed',
    'it spreads the work of the disk over the writing of a base; finish() syncs all of it before the rename, whatever was synced on the way',
  ],
]);
