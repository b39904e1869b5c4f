/** Thrown by a subject that cannot run on this machine (no addon, no cargo): the row goes on without it and says why. */
export class Unavailable extends Error {}
