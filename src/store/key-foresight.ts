/**
 * While loading it is known which keys come next. Their places in the index are far apart in memory, and each is waited for when its
 * command runs; looked at together before, they are waited for together.
 */
import type { Database } from '../keyspace/keyspace.js';

/** Commands looked at together: more does not help, and what was fetched must still be near when it is needed. */
const COMMANDS_MAX = 64;
/** Before the offsets of a command's arguments in a batch's index (CommandBatch). */
const HEAD_WORDS = 4;

export class KeyForesight {
  private readonly ranges = new Int32Array(2 * COMMANDS_MAX);

  /** The next `count` commands in bytes, described in index from `at` on, will be applied to `db`. Of no effect. */
  look(db: Database, bytes: Buffer, index: Int32Array, at: number, count: number): void {
    const { ranges } = this;
    let keys = 0;
    let next = at;
    for (let k = Math.min(count, COMMANDS_MAX); k > 0; k--) {
      const argc = index[next + 3] as number;
      // The first argument is the key, nearly always.
      if (argc > 1) {
        ranges[2 * keys] = index[next + HEAD_WORDS + 2] as number;
        ranges[2 * keys + 1] = index[next + HEAD_WORDS + 3] as number;
        keys++;
      }
      next += HEAD_WORDS + 2 * argc;
    }
    db.foresee(bytes, ranges, keys);
  }
}
