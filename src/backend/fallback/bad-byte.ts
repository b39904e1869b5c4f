/**
 * Why bytes are not what the format wants: `found` and `expected` of a ReadOutcome. The addon says the same in the same
 * words (crates/everysec-core/src/read_outcome.rs); the conformance suite compares them.
 */
export interface Complaint {
  readonly found: string;
  readonly expected: string;
}

export const END_OF_FILE = 'end of file';
export const ZEROS = 'zeros to the end of the file';

/** A byte as people read it: `'x'` where printable, `0x0d` otherwise. */
export function describeByte(byte: number): string {
  if (byte > 0x20 && byte < 0x7f) return `'${String.fromCharCode(byte)}'`;
  return `0x${byte.toString(16).padStart(2, '0')}`;
}
