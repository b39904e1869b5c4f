/** Client types that options name. Only normal clients exist here. */
import type { Argv } from '../../resp/argv.js';
import { CommandError } from '../spec.js';

const TYPES = new Set(['normal', 'master', 'replica', 'slave', 'pubsub']);

/** Whether the type that argument i names is the one our clients are of. */
export function isNormalType(argv: Argv, i: number): boolean {
  const type = argv.text(i).toLowerCase();
  if (!TYPES.has(type)) throw new CommandError(`ERR Unknown client type '${argv.text(i)}'`);
  return type === 'normal';
}
