/** Mutants that no test can tell from the original, each with the reason. An entry without its mutant is an error. */
export const EQUIVALENTS = new Map([]);
