/** Whole records in canonical RESP as lists of arguments, for who is not in a hurry. */

const RECORD = /\*([1-9][0-9]*)\r\n/y;
const LENGTH = /\$(0|[1-9][0-9]*)\r\n/y;

/** Views on `bytes`. Throws TypeError at the first byte that cannot be, or where the last record is not whole. */
export function splitRecords(bytes: Uint8Array, start: number, end: number): Buffer[][] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  const text = buffer.latin1Slice();
  const records: Buffer[][] = [];
  let at = 0;
  const number = (form: RegExp): number => {
    form.lastIndex = at;
    const found = form.exec(text);
    if (found === null) throw notCanonical(at);
    at = form.lastIndex;
    return Number(found[1]);
  };
  while (at < buffer.length) {
    const argv: Buffer[] = [];
    for (let left = number(RECORD); left > 0; left--) {
      const length = number(LENGTH);
      argv.push(buffer.subarray(at, at + length));
      at += length;
      if (text.slice(at, at + 2) !== '\r\n') throw notCanonical(at);
      at += 2;
    }
    records.push(argv);
  }
  return records;
}

function notCanonical(at: number): TypeError {
  return new TypeError(`no canonical RESP at byte ${at}`);
}
