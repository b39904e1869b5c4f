/** Millions of keys without holding millions of strings: key i is made from its number when it is needed. */
export const KEY_BYTES = 16;

const scratch = Buffer.alloc(KEY_BYTES, '0');
scratch.latin1Write('key:', 0);

/** `key:` and the number in 12 digits, as a flat one-byte string. */
export function keyOf(number) {
  for (let at = KEY_BYTES - 1, rest = number; at >= 4; at--) {
    scratch[at] = 48 + (rest % 10);
    rest = Math.trunc(rest / 10);
  }
  return scratch.latin1Slice(0, KEY_BYTES);
}
