/**
 * The annotation line in front of a block, writing half (annotation-parser.ts reads it):
 *
 *   #EVS1 <len> <lsn> <lag> <crc>[ d=<db>][ t=<seconds>][ s=<session>][ f=<flags>]\r\n
 *
 * The checksum runs over what stands before it in the line, then the options with their leading spaces, then the payload.
 */
export interface AnnotationFields {
  /** LSN of the payload's first byte. */
  readonly lsn: number;
  /** `lsn` minus the synced watermark when the block was sealed. */
  readonly lag: number;
  /** Database selected where the block begins; 0 is not written. */
  readonly db: number;
  /** Unix seconds; 0 is not written. */
  readonly seconds: number;
  /** '' is not written. */
  readonly session: string;
  readonly flags: '' | 'm' | 'c' | 'i';
}

/** zlib's CRC-32 (ISO-HDLC), continued from `seed`. */
export type Crc32 = (data: string | Uint8Array, seed?: number) => number;

const CRC_DIGITS = 8;

/**
 * Writes the line so that it ends where the payload begins, into the room in front of it (at most
 * BlockLimits.annotationBytes). Returns where the line begins: line and payload are one stretch of memory from there.
 */
export function writeAnnotation(
  bytes: Buffer,
  payloadStart: number,
  payloadEnd: number,
  fields: AnnotationFields,
  crc32: Crc32,
): number {
  const head = `#EVS1 ${hex(payloadEnd - payloadStart)} ${hex(fields.lsn)} ${hex(fields.lag)} `;
  const options = formatOptions(fields);
  let crc = crc32(head);
  if (options !== '') crc = crc32(options, crc);
  if (payloadEnd > payloadStart) crc = crc32(bytes.subarray(payloadStart, payloadEnd), crc);
  const line = `${head}${hex(crc).padStart(CRC_DIGITS, '0')}${options}\r\n`;
  const start = payloadStart - line.length;
  bytes.latin1Write(line, start);
  return start;
}

function formatOptions(fields: AnnotationFields): string {
  let options = '';
  if (fields.db !== 0) options += ` d=${hex(fields.db)}`;
  if (fields.seconds !== 0) options += ` t=${hex(fields.seconds)}`;
  if (fields.session !== '') options += ` s=${fields.session}`;
  if (fields.flags !== '') options += ` f=${fields.flags}`;
  return options;
}

function hex(n: number): string {
  return n.toString(16);
}
