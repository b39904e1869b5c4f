/** What a client may call itself: printable, without spaces, so that CLIENT LIST stays a line of words. */
import { CommandError } from '../spec.js';

export function assertClientName(name: string, what = 'Client names'): void {
  if (!/^[!-~]*$/.test(name)) throw new CommandError(`ERR ${what} cannot contain spaces, newlines or special characters.`);
}
