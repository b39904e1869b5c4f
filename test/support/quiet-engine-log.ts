/**
 * An engine in the process logs to stderr what it cuts and refuses. The server's log is where that is asserted; thousands of such
 * lines here would hide everything else.
 */
const writeError = process.stderr.write.bind(process.stderr);
process.stderr.write = ((chunk: string | Uint8Array, ...rest: []) =>
  typeof chunk === 'string' && /^\d+:M /.test(chunk) ? true : writeError(chunk, ...rest)) as typeof process.stderr.write;
