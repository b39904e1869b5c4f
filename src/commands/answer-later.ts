/**
 * For commands whose answer takes time: writes it when `waiting` settles, a CommandError as its text. The context of a command
 * is not its own any more by then; take `reply` out of it before.
 */
import type { Reply } from './reply.js';
import { CommandError } from './spec.js';

export async function answerLater<T>(reply: Reply, waiting: Promise<T>, answer: (value: T) => void): Promise<void> {
  let value: T;
  try {
    value = await waiting;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    reply.error(error.message);
    return;
  }
  answer(value);
}
