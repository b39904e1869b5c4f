/** Which operations hang, and for how long: rules drawn at random, each for the next operation of its kind. */
import type { Random } from '../seeded-random.js';
import type { FileOperation } from './fault-plan.js';
import type { Hold } from './process-files.js';
import type { SimulatedEnv } from './simulated-env.js';

interface Rule {
  readonly operation: FileOperation;
  readonly ms: number;
}

const OPERATIONS: readonly FileOperation[] = [
  'write',
  'write',
  'write',
  'datasync',
  'datasync',
  'datasync',
  'rename',
  'syncDirectory',
  'sync',
  'open',
  'truncate',
  'close',
  'unlink',
  'lstat',
];

const LONGEST_MS = 20_000;

export class Stalls {
  private rules: Rule[] = [];
  /** Operations that hang now. */
  count = 0;

  /** Draws a rule; what it is, for the trace. */
  arm(random: Random): string {
    const rule = { operation: random.pick(OPERATIONS), ms: random.logBetween(1, LONGEST_MS) };
    this.rules.push(rule);
    return `${rule.operation} for ${rule.ms} ms`;
  }

  clear(): void {
    this.rules = [];
  }

  private readonly onEnd = () => {
    this.count -= 1;
  };

  take(operation: FileOperation, env: SimulatedEnv): Hold | null {
    const at = this.rules.findIndex((rule) => rule.operation === operation);
    if (at < 0) return null;
    const [rule] = this.rules.splice(at, 1) as [Rule];
    let go: () => void = () => {};
    let drop: () => void = () => {};
    const until = new Promise<void>((resolve, reject) => {
      go = resolve;
      drop = () => reject(new Error('the process died before it happened'));
    });
    this.count += 1;
    const end = (how: () => void) => () => {
      timer.cancel();
      how();
    };
    until.then(this.onEnd, this.onEnd);
    const timer = env.timers.after(rule.ms, go);
    return { until, go: end(go), drop: end(drop) };
  }
}
