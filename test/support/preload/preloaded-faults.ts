/**
 * Faults of real system calls for suites that take a FaultControl: they run in a process that is started with preloadedEnv(), and
 * preloadedControl() steers it from inside; EVERYSEC_FAULT_CONTROL names the file through which it does.
 */
import { readFileSync } from 'node:fs';
import type { FaultControl, FaultyOperation } from '../fault-control.js';
import type { Fault } from '../faulty-files.js';
import { type CallKind, errnoOf, FaultRules, OPERATION_FIELDS, SCRIPT_MAX } from './fault-rules.js';
import { buildPreload, preload } from './preload-library.js';

/** Part of the paths of files that are meant: LogRig's directories. */
const MARK = 'everysec-log-';
const KINDS: Readonly<Record<FaultyOperation, CallKind>> = { write: 'write', datasync: 'fdatasync' };

/** The environment for a process under faults, or the reason why there can be none. Files go into `directory`. */
export function preloadedEnv(directory: string): NodeJS.ProcessEnv | string {
  const built = buildPreload(directory);
  return typeof built === 'string' ? built : preload(built.library, { directory, mark: MARK }).env;
}

/** null where this process runs without it. */
export function preloadedControl(): FaultControl | null {
  const { EVERYSEC_FAULT_CONTROL: control, EVERYSEC_FAULT_SYNCS: syncs } = process.env;
  return control === undefined || syncs === undefined ? null : new PreloadedControl(new FaultRules(control), syncs);
}

class PreloadedControl implements FaultControl {
  constructor(
    private readonly rules: FaultRules,
    private readonly syncs: string,
  ) {}

  script(operation: FaultyOperation, ...faults: readonly (Fault | null)[]): void {
    if (faults.length > SCRIPT_MAX) throw new RangeError(`${faults.length} faults are too many`);
    const ints = new Int32Array(SCRIPT_MAX);
    faults.forEach((fault, i) => {
      ints[i] = actionOf(fault);
    });
    this.rules.setOperation(KINDS[operation], OPERATION_FIELDS.script, ints);
    this.rules.setOperation(KINDS[operation], OPERATION_FIELDS.next, Int32Array.of(0));
  }

  hold(operation: FaultyOperation): () => void {
    const set = (is: number) => this.rules.setOperation(KINDS[operation], OPERATION_FIELDS.isHeld, Int32Array.of(is));
    set(1);
    return () => set(0);
  }

  inFlight(operation: FaultyOperation): number {
    return this.rules.operation(KINDS[operation], OPERATION_FIELDS.inFlight);
  }

  calls(operation: FaultyOperation): number {
    return this.rules.operation(KINDS[operation], OPERATION_FIELDS.calls);
  }

  syncedSize(path: string): number {
    const lines = readFileSync(this.syncs, 'utf8').split('\n');
    const last = lines.findLast((line) => line.endsWith(` ${path}`));
    return last === undefined ? 0 : Number.parseInt(last, 10);
  }
}

function actionOf(fault: Fault | null): number {
  if (fault === null) return 0;
  if (fault.code !== undefined) return errnoOf(fault.code);
  return fault.bytes === undefined ? 0 : -fault.bytes;
}
