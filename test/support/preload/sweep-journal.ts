/**
 * What may be found after a run of the sweep: read from the lines that sweep-workload.mjs wrote, which outlive the process. The
 * operations in the order they were tried; a legal state is a beginning of that list which reaches the floor.
 */

export type OperationKind = 'single' | 'unit' | 'huge';

export interface LegalStates {
  /** Operations in order: taken, or in the middle of being taken. */
  readonly operations: readonly number[];
  readonly kinds: ReadonlyMap<number, OperationKind>;
  /** So many of them must be there after kill -9. */
  readonly floor: number;
  /** So many of them must be there after a power loss. */
  readonly syncedFloor: number;
  /** What the process saw that cannot be. */
  readonly complaints: readonly string[];
}

/** `before`: the operations that the directory held at first. */
export function legalStates(
  journal: string,
  before: readonly number[],
  knownKinds: ReadonlyMap<number, OperationKind>,
): LegalStates {
  const kinds = new Map(knownKinds);
  const complaints: string[] = [];
  let operations = [...before];
  let floor = operations.length;
  let syncedFloor = floor;
  const reach = (i: string | undefined) => operations.indexOf(Number(i)) + 1;
  for (const line of journal.split('\n')) {
    const [mark, first, second] = line.split(' ');
    if (mark === 't') {
      kinds.set(Number(first), second as OperationKind);
      operations.push(Number(first));
    } else if (mark === 'r') operations = operations.filter((i) => i !== Number(first));
    else if (mark === 'w') floor = Math.max(floor, reach(first));
    else if (mark === 's') floor = syncedFloor = Math.max(floor, reach(first));
    else if (mark === 'c') floor = syncedFloor = operations.length;
    else if (mark === 'o') {
      const found = parseList(first ?? '');
      const wrong = complaintAbout(found, operations, floor);
      if (wrong !== null) complaints.push(`opened in the same process: ${wrong}`);
      operations = found;
      // What is shown after opening was made durable by it.
      floor = syncedFloor = operations.length;
    } else if (mark === '!') complaints.push(`an unhandled rejection: ${line}`);
  }
  return { operations, kinds, floor, syncedFloor, complaints };
}

/** null: `found` is a beginning of `operations` no shorter than `floor`. */
export function complaintAbout(found: readonly number[], operations: readonly number[], floor: number): string | null {
  const isPrefix = found.length <= operations.length && found.every((i, at) => operations[at] === i);
  if (!isPrefix) return `found ${found.join(',')}, no beginning of ${operations.join(',')}`;
  if (found.length < floor) return `found ${found.length} operations, ${floor} were acknowledged: ${operations.join(',')}`;
  return null;
}

export function parseList(text: string): number[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .map(Number);
}
