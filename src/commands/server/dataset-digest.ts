/**
 * Redis's DEBUG DIGEST: a 160-bit sum of SHA-1s that does not depend on the order of keys, so equal data has equal digests in
 * both servers. `add` combines without regard to order, `mix` with it.
 */
import { createHash } from 'node:crypto';
import { type Entry, type Keyspace, NO_EXPIRY, ValueType } from '../../keyspace/keyspace.js';
import { CommandError } from '../spec.js';

class Digest {
  private bytes: Buffer = Buffer.alloc(20);

  add(part: Uint8Array): void {
    const hash = sha1(part);
    for (let i = 0; i < 20; i++) this.bytes[i] = (this.bytes[i] as number) ^ (hash[i] as number);
  }

  mix(part: Uint8Array): void {
    this.add(part);
    this.bytes = sha1(this.bytes);
  }

  /** The digest so far, as bytes to be added to another one. */
  get value(): Buffer {
    return this.bytes;
  }

  get hex(): string {
    return this.bytes.toString('hex');
  }
}

const EXPIRES = Buffer.from('!!expire!!');

export function datasetDigest(keyspace: Keyspace): string {
  const total = new Digest();
  for (const db of keyspace.databases) {
    if (db.size === 0) continue;
    total.mix(bigEndian(db.id));
    db.forEach((entry) => {
      const one = new Digest();
      one.mix(entry.keyBytes.subarray(entry.keyStart, entry.keyEnd));
      mixEntry(one, entry);
      total.add(one.value);
    });
  }
  return total.hex;
}

/** DEBUG DIGEST-VALUE: type, value and whether it expires, without the key. */
export function valueDigest(entry: Entry): string {
  const one = new Digest();
  mixEntry(one, entry);
  return one.hex;
}

function mixEntry(digest: Digest, entry: Entry): void {
  digest.mix(bigEndian(entry.type));
  if (entry.type !== ValueType.string) throw new CommandError('ERR DEBUG DIGEST does not know this type yet');
  digest.mix(entry.bytes.subarray(entry.start, entry.end));
  if (entry.expireAtMs !== NO_EXPIRY) digest.add(EXPIRES);
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function sha1(bytes: Uint8Array): Buffer {
  return createHash('sha1').update(bytes).digest();
}
