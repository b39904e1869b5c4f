/**
 * DEBUG DIGEST: one SHA-1 over the whole dataset that does not depend on the order of keys, the same as real Redis computes,
 * so that datasets can be compared across servers. Expiry times count as being there, not by their value.
 *
 * combine(d, x): d ^= SHA1(x), for things without an order. mix(d, x): combine, then d = SHA1(d), for things with one.
 */
import { createHash } from 'node:crypto';
import { type Database, type Entry, type Keyspace, NO_EXPIRY, ValueType } from './keyspace.js';
import { type AnyHash, type AnyList, hashOf, listOf } from './types/collection-of.js';

const DIGEST_BYTES = 20;

/** 40 hexadecimal digits; zeros for an empty dataset. */
export function computeDigest(keyspace: Keyspace): string {
  const digest = Buffer.alloc(DIGEST_BYTES);
  for (const db of keyspace.databases) {
    if (db.size === 0) continue;
    const number = Buffer.alloc(4);
    number.writeUInt32BE(db.id);
    mix(digest, number);
    db.forEach((entry) => {
      combine(digest, digestOfKey(entry));
    });
  }
  return digest.toString('hex');
}

/** DEBUG DIGEST-VALUE: of one key's value, whatever its name. Zeros for no key. */
export function computeValueDigest(db: Database, bytes: Buffer, start: number, end: number): string {
  const digest = Buffer.alloc(DIGEST_BYTES);
  const entry = db.peek(bytes, start, end);
  if (entry !== null) mixValue(digest, entry);
  return digest.toString('hex');
}

function digestOfKey(entry: Entry): Buffer {
  const digest = Buffer.alloc(DIGEST_BYTES);
  mix(digest, entry.keyBytes.subarray(entry.keyStart, entry.keyEnd));
  mixValue(digest, entry);
  return digest;
}

function mixValue(digest: Buffer, entry: Entry): void {
  const type = Buffer.alloc(4);
  type.writeUInt32BE(entry.type);
  mix(digest, type);
  switch (entry.type) {
    case ValueType.string:
      mix(digest, entry.bytes.subarray(entry.start, entry.end));
      break;
    case ValueType.list:
      mixList(digest, listOf(entry));
      break;
    case ValueType.hash:
      combineFields(digest, hashOf(entry));
      break;
    default:
      throw new TypeError(`no digest of type ${entry.type}`);
  }
  if (entry.expireAtMs !== NO_EXPIRY) combine(digest, Buffer.from('!!expire!!'));
}

function mixList(digest: Buffer, list: AnyList): void {
  if (list.length === 0) return;
  const place = list.place(0);
  do mix(digest, list.view(place));
  while (list.forward(place));
}

function combineFields(digest: Buffer, hash: AnyHash): void {
  hash.forEach((page, at) => {
    const field = Buffer.alloc(DIGEST_BYTES);
    mix(field, page.bytes.subarray(page.fieldStart(at), page.fieldEnd(at)));
    mix(field, page.bytes.subarray(page.valueStart(at), page.valueEnd(at)));
    combine(digest, field);
  });
}

function combine(digest: Buffer, bytes: Uint8Array): void {
  const hash = createHash('sha1').update(bytes).digest();
  for (let i = 0; i < DIGEST_BYTES; i++) digest[i] = (digest[i] as number) ^ (hash[i] as number);
}

function mix(digest: Buffer, bytes: Uint8Array): void {
  combine(digest, bytes);
  createHash('sha1').update(digest).digest().copy(digest);
}
