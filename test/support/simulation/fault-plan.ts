/** Which operations of a simulated process fail, and how: rules drawn at random, each for once, several times, or until healed. */
import type { Random } from '../seeded-random.js';

export type FileOperation =
  | 'open'
  | 'readFile'
  | 'stat'
  | 'lstat'
  | 'mkdir'
  | 'readdir'
  | 'rename'
  | 'link'
  | 'unlink'
  | 'syncDirectory'
  | 'write'
  | 'read'
  | 'datasync'
  | 'sync'
  | 'truncate'
  | 'close';

export interface Fault {
  /** errno; 'short': a write that takes a part. */
  readonly code: string;
  /** It fails although its effect has taken place. */
  readonly happensFirst: boolean;
}

interface Rule extends Fault {
  readonly operations: readonly FileOperation[];
  readonly path: RegExp;
  left: number;
}

interface Kind {
  readonly operations: readonly FileOperation[];
  readonly path: RegExp;
  readonly codes: readonly string[];
  /** Its effect may have taken place. */
  readonly mayHappen?: boolean;
  readonly weight: number;
}

const INCR = /\.incr\.aof$/;
const MANIFEST = /manifest$/;
const BASE = /(\.base\.aof|temp-rewriteaof.*)$/;
const LOCK = /lock/;
const ANY = /./;

const KINDS: readonly Kind[] = [
  { operations: ['write'], path: INCR, codes: ['ENOSPC', 'EDQUOT'], weight: 8 },
  { operations: ['write'], path: INCR, codes: ['EIO', 'EFBIG'], weight: 8 },
  { operations: ['write'], path: INCR, codes: ['short'], weight: 6 },
  { operations: ['datasync'], path: INCR, codes: ['EIO', 'ENOSPC', 'EDQUOT'], weight: 14 },
  { operations: ['sync'], path: INCR, codes: ['EIO', 'ENOSPC'], weight: 3 },
  { operations: ['open'], path: INCR, codes: ['EIO', 'EMFILE', 'ENOSPC', 'EROFS'], mayHappen: true, weight: 5 },
  { operations: ['truncate'], path: INCR, codes: ['EIO'], mayHappen: true, weight: 4 },
  { operations: ['unlink'], path: ANY, codes: ['EIO'], mayHappen: true, weight: 3 },
  { operations: ['close'], path: INCR, codes: ['EIO'], mayHappen: true, weight: 2 },
  { operations: ['syncDirectory'], path: ANY, codes: ['EIO'], mayHappen: true, weight: 6 },
  { operations: ['open', 'write', 'sync'], path: MANIFEST, codes: ['ENOSPC', 'EIO', 'EMFILE'], weight: 6 },
  { operations: ['write'], path: MANIFEST, codes: ['short'], weight: 1 },
  { operations: ['rename'], path: MANIFEST, codes: ['EIO', 'ENOSPC', 'EROFS'], mayHappen: true, weight: 6 },
  { operations: ['open', 'write', 'datasync', 'rename'], path: BASE, codes: ['EIO', 'ENOSPC'], weight: 3 },
  { operations: ['open', 'write', 'sync', 'rename', 'readFile'], path: LOCK, codes: ['EIO', 'ENOSPC'], weight: 2 },
  { operations: ['readFile', 'readdir'], path: ANY, codes: ['EIO'], weight: 1 },
  { operations: ['read'], path: INCR, codes: ['EIO'], weight: 2 },
  { operations: ['stat', 'lstat'], path: ANY, codes: ['EIO'], weight: 1 },
  { operations: ['open', 'write', 'rename', 'mkdir', 'link'], path: ANY, codes: ['ENOSPC'], weight: 4 },
  { operations: ['open', 'write', 'rename', 'mkdir', 'link', 'unlink', 'truncate'], path: ANY, codes: ['EROFS'], weight: 1 },
  { operations: ['write', 'datasync', 'sync', 'syncDirectory', 'rename', 'truncate'], path: ANY, codes: ['EIO'], weight: 4 },
  { operations: ['open', 'readdir', 'readFile', 'syncDirectory'], path: ANY, codes: ['EMFILE'], weight: 3 },
];

export class FaultPlan {
  private rules: Rule[] = [];

  get isHealthy(): boolean {
    return this.rules.length === 0;
  }

  /** Draws a rule; what it is, for the trace. */
  arm(random: Random): string {
    const kind = weighted(random, KINDS);
    const times = random.pick([1, 1, 1, 2, 5, Number.POSITIVE_INFINITY]);
    const rule: Rule = {
      operations: kind.operations,
      path: kind.path,
      code: random.pick(kind.codes),
      happensFirst: kind.mayHappen === true && random.chance(0.4),
      left: times,
    };
    this.rules.push(rule);
    return `${kind.operations.join('|')} ${kind.path.source} ${rule.code}${rule.happensFirst ? ' afterwards' : ''} x${times}`;
  }

  heal(): void {
    this.rules = [];
  }

  /** The fault of this operation, which is thereby used up; null for none. */
  take(operation: FileOperation, path: string): Fault | null {
    const rule = this.rules.find((one) => one.left > 0 && one.operations.includes(operation) && one.path.test(path));
    if (rule === undefined) return null;
    rule.left -= 1;
    if (rule.left === 0) this.rules = this.rules.filter((one) => one !== rule);
    return rule;
  }
}

export function weighted<T extends { readonly weight: number }>(random: Random, items: readonly T[]): T {
  let at = random.below(items.reduce((sum, { weight }) => sum + weight, 0));
  for (const item of items) {
    at -= item.weight;
    if (at < 0) return item;
  }
  throw new Error('nothing to choose from');
}
