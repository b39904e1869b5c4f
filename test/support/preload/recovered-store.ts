/** Opens a directory that a run of the sweep left, without any fault, and says what is wrong with it: I1 to I5. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import '../quiet-engine-log.js';
import type { BackendChoice } from '../everysec-server.js';
import { complaintAbout, type LegalStates, type OperationKind, parseList } from './sweep-journal.js';

const load = createRequire(join(process.cwd(), 'package.json'));
const { open } = load('./dist/cjs/index.js') as typeof import('../../../src/index.js');

/** The number of what is appended after the recovery. */
const AFTER = 9999;

export function fillerOf(i: number, kind: OperationKind): string {
  return `${i}`.padEnd(kind === 'huge' ? 200_000 : 20, 'x');
}

/**
 * null when it holds a beginning of the operations that reaches `floor`, whole units, nothing else; and, in two rounds, when it says
 * the same on a second opening and what is appended in between survives that.
 */
export async function complaintAfterRecovery(
  dir: string,
  backend: BackendChoice,
  legal: LegalStates,
  floor: number,
  rounds: 1 | 2 = 2,
): Promise<string | null> {
  try {
    const first = await open({ dir, backend });
    const found = parseList(first.get('log') ?? '');
    let wrong = complaintAbout(found, legal.operations, floor) ?? contentComplaint(first, found, legal.kinds);
    first.append('log', `${AFTER},`);
    await first.synced();
    await first.close();
    wrong ??= leftoverComplaint(dir);
    if (wrong !== null || rounds === 1) return wrong;
    const second = await open({ dir, backend });
    const again = parseList(second.get('log') ?? '');
    wrong = complaintAbout(again, [...found, AFTER], found.length + 1) ?? contentComplaint(second, found, legal.kinds);
    await second.close();
    return wrong === null ? null : `the second recovery: ${wrong}`;
  } catch (error) {
    return `cannot be opened: ${error instanceof Error ? error.stack : String(error)}`;
  }
}

/** A file of a generation that the manifest does not know, or one that was never finished. */
function leftoverComplaint(dir: string): string | null {
  const directory = join(dir, 'appendonlydir');
  const manifest = readFileSync(join(directory, 'appendonly.aof.manifest'), 'utf8');
  const isOurs = (name: string) => /^temp[-_]|\.(base|incr)\.aof$/.test(name) && !name.includes('.corrupt-');
  const left = [...readdirSync(dir), ...readdirSync(directory)].filter(
    (name) => isOurs(name) && !manifest.includes(`file ${name} `),
  );
  return left.length === 0 ? null : `left over: ${left.join(' ')}`;
}

type Store = Awaited<ReturnType<typeof open>>;

/** Every unit whole, and no key besides. */
function contentComplaint(store: Store, found: readonly number[], kinds: ReadonlyMap<number, OperationKind>): string | null {
  const expected = new Map<string, string>();
  for (const i of found) {
    const kind = kinds.get(i) ?? 'single';
    if (kind === 'single') continue;
    expected.set(`u:${i}:a`, fillerOf(i, kind));
    expected.set(`u:${i}:b`, fillerOf(i, kind));
  }
  for (const [key, value] of expected) {
    if (store.get(key) !== value) return `${key} is missing or differs: half a unit (${found.join(',')})`;
  }
  const keys = (store.call('KEYS', '*') as string[]).filter((key) => key !== 'log' && !expected.has(key));
  return keys.length === 0 ? null : `nobody wrote ${keys.join(' ')}, or only half of it (${found.join(',')})`;
}
