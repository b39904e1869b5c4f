import { StringEncoding, ValueType } from '../../keyspace/keyspace.js';
import { NO_SUCH_KEY } from '../arguments.js';
import { type CommandContext, CommandError } from '../spec.js';

const ENCODINGS: Readonly<Record<StringEncoding, string>> = {
  [StringEncoding.int]: 'int',
  [StringEncoding.embstr]: 'embstr',
  [StringEncoding.raw]: 'raw',
};

/** DEBUG OBJECT: Redis's line, with what exists here; there is no address and no reference count. */
export function debugObject({ argv, db, keyspace, reply }: CommandContext): void {
  const entry = db.peek(argv.bytes, argv.start(2), argv.end(2));
  if (entry === null) throw new CommandError(NO_SUCH_KEY);
  const encoding = entry.type === ValueType.string ? ENCODINGS[entry.encoding] : 'unknown';
  const idle = Math.max(0, keyspace.accessClock - entry.accessSeconds);
  const length = entry.type === ValueType.string ? entry.end - entry.start + 1 : 0;
  reply.simple(
    `Value at:0x0 refcount:1 encoding:${encoding} serializedlength:${length} lru:${entry.accessSeconds} lru_seconds_idle:${idle}`,
  );
}
