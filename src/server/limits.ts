/**
 * Every limit of the server that is not a directive, in one place. docs/durability.md lists the ones a user may meet.
 */
export const ServerLimits = {
  /** Arguments of one request. */
  argumentsMax: 1_048_576,
  /** A request line without its end: an inline command, `*<n>` or `$<n>`. */
  lineBytesMax: 64 * 1024,
  /** A whole request; a record of the log may not be longer, and offsets must fit an Int32Array. */
  requestBytesMax: 1024 * 1024 * 1024,

  /** Before AUTH, where a password is required. */
  unauthenticatedArgumentsMax: 10,
  unauthenticatedBulkBytesMax: 16 * 1024,
  unauthenticatedOutputBytesMax: 1024,
  /** A request must be complete this long after its first byte. */
  unauthenticatedRequestMs: 10_000,

  /** A request of which no further byte has come for this long ends the connection. */
  halfSentRequestMs: 60_000,
  /** Output of which the client has taken nothing for this long ends the connection. */
  stuckOutputMs: 60_000,

  /** Commands that one connection may run in a turn of the event loop, and how long; the rest waits for the next turn. */
  commandsPerTurn: 1024,
  sliceMs: 2,
  /** The clock is read after this many commands (a power of two). */
  commandsPerClockRead: 32,
  /** From so many commands of one chunk on their keys are looked at together before the first one runs; and of so many at most. */
  commandsForeseenMin: 4,
  keysForeseenMax: 64,

  /** Read from a socket at once. */
  readBytes: 64 * 1024,
  /** What is shorter waits until all sockets of the turn are read, in memory of this size; then so many clients' commands share a batch. */
  stashedBytesMax: 512,
  stashBytes: 64 * 1024,
  connectionsPerBatch: 32,
  /** Bytes that wait to be parsed (backlog, blocked client) before a socket is no longer read. */
  inputBytesQueued: 1024 * 1024,
  /** Replies that wait to be sent before a connection's further commands wait too. */
  outputBytesQueued: 64 * 1024 * 1024,

  /** Reply memory: an ordinary chunk, chunks kept for reuse, and from which size on a value gets a chunk of its own. */
  outputChunkBytes: 16 * 1024,
  outputChunksKept: 128,
  ownChunkBytes: 8 * 1024,

  /** Memory for a request that is announced up to this size is taken at once. */
  promisedBytesTrusted: 32 * 1024 * 1024,
  /** Memory for joining a split request that a connection keeps. */
  joinBytesKept: 64 * 1024,
} as const;
