/**
 * Faults of real system calls: fault-preload.c, compiled here, under a process that is started with preloadedEnv(). Inside that
 * process preloadedControl() steers it; EVERYSEC_FAULT_CONTROL names the file through which it does.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { FaultControl, FaultyOperation } from './fault-control.js';
import type { Fault } from './faulty-files.js';

/** Part of the paths of files that are meant: LogRig's directories. */
const MARK = 'everysec-log-';
const INT_BYTES = 4;
/** struct operation: four counters and the script. */
const SCRIPT_MAX = 60;
const RECORD_BYTES = (4 + SCRIPT_MAX) * INT_BYTES;
const FIELDS = { calls: 0, inFlight: 1, isHeld: 2, next: 3, script: 4 } as const;

/** The environment for a process under faults, or the reason why there can be none. Files go into `directory`. */
export function preloadedEnv(directory: string): NodeJS.ProcessEnv | string {
  if (process.platform !== 'linux') return `the platform is ${process.platform}`;
  const library = join(directory, 'fault-preload.so');
  const source = join(__dirname, 'fault-preload.c');
  const made = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl'], { encoding: 'utf8' });
  if (made.error !== undefined) return `there is no cc (${made.error.message})`;
  if (made.status !== 0) throw new Error(`fault-preload.c does not compile\n${made.stderr}`);
  const control = join(directory, 'fault-control');
  writeFileSync(control, Buffer.alloc(2 * RECORD_BYTES));
  const syncs = join(directory, 'fault-syncs');
  writeFileSync(syncs, '');
  return {
    ...process.env,
    LD_PRELOAD: library,
    EVERYSEC_FAULT_CONTROL: control,
    EVERYSEC_FAULT_SYNCS: syncs,
    EVERYSEC_FAULT_MARK: MARK,
    // io_uring passes by every library.
    UV_USE_IO_URING: '0',
  };
}

/** null where this process runs without it. */
export function preloadedControl(): FaultControl | null {
  const { EVERYSEC_FAULT_CONTROL: control, EVERYSEC_FAULT_SYNCS: syncs } = process.env;
  return control === undefined || syncs === undefined ? null : new PreloadedControl(control, syncs);
}

class PreloadedControl implements FaultControl {
  constructor(
    private readonly path: string,
    private readonly syncs: string,
  ) {}

  script(operation: FaultyOperation, ...faults: readonly (Fault | null)[]): void {
    if (faults.length > SCRIPT_MAX) throw new RangeError(`${faults.length} faults are too many`);
    const ints = new Int32Array(SCRIPT_MAX);
    faults.forEach((fault, i) => {
      ints[i] = actionOf(fault);
    });
    this.write(operation, FIELDS.script, ints);
    this.write(operation, FIELDS.next, Int32Array.of(0));
  }

  hold(operation: FaultyOperation): () => void {
    this.write(operation, FIELDS.isHeld, Int32Array.of(1));
    return () => this.write(operation, FIELDS.isHeld, Int32Array.of(0));
  }

  inFlight(operation: FaultyOperation): number {
    return this.read(operation, FIELDS.inFlight);
  }

  calls(operation: FaultyOperation): number {
    return this.read(operation, FIELDS.calls);
  }

  syncedSize(path: string): number {
    const lines = readFileSync(this.syncs, 'utf8').split('\n');
    const last = lines.findLast((line) => line.endsWith(` ${path}`));
    return last === undefined ? 0 : Number.parseInt(last, 10);
  }

  private read(operation: FaultyOperation, field: number): number {
    const int = new Int32Array(1);
    this.with((fd) => readSync(fd, int, 0, INT_BYTES, placeOf(operation, field)));
    return int[0] as number;
  }

  private write(operation: FaultyOperation, field: number, ints: Int32Array): void {
    this.with((fd) => writeSync(fd, ints, 0, ints.byteLength, placeOf(operation, field)));
  }

  private with(run: (fd: number) => void): void {
    const fd = openSync(this.path, 'r+');
    run(fd);
    closeSync(fd);
  }
}

function placeOf(operation: FaultyOperation, field: number): number {
  return (operation === 'write' ? 0 : RECORD_BYTES) + field * INT_BYTES;
}

function actionOf(fault: Fault | null): number {
  if (fault === null) return 0;
  if (fault.code !== undefined) return constants.errno[fault.code as keyof typeof constants.errno];
  return fault.bytes === undefined ? 0 : -fault.bytes;
}
