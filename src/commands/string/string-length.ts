import { CommandError } from '../spec.js';

/** proto-max-bulk-len's default. */
export const MAX_STRING_BYTES = 512 * 1024 * 1024;

export function requireStringLength(bytes: number): void {
  if (bytes > MAX_STRING_BYTES) throw new CommandError('ERR string exceeds maximum allowed size (proto-max-bulk-len)');
}
