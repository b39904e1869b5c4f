/**
 * Random sequences of calls on a block log, as data: the same script can be run on any backend. Quiescence is awaited after
 * each flush, so that the lag of every block depends on the script alone.
 */
import { type Arg, Status } from '../../src/backend/backend.js';
import type { LogRig } from '../support/log-rig.js';
import type { Random } from '../support/seeded-random.js';
import { encodeArgv, encodeRecord } from './oracle.js';

export type Step =
  | { readonly do: 'append' | 'appendArray'; readonly argv: readonly Arg[] }
  | { readonly do: 'appendRaw' | 'appendRawChecked'; readonly bytes: Buffer; readonly start: number; readonly end: number }
  | { readonly do: 'select' | 'appendTimestamp' | 'tick'; readonly number: number }
  | { readonly do: 'unit'; readonly steps: readonly Step[] }
  | { readonly do: 'flush'; readonly sync: boolean }
  | { readonly do: 'mark'; readonly kind: 'c' | 'i' }
  | { readonly do: 'setChecksum' | 'setRetain'; readonly on: boolean }
  | { readonly do: 'cut'; readonly session: string };

// ------------------------------------------------------------------------------------------ making

export function makeScript(random: Random, length: number): Step[] {
  return Array.from({ length }, () => makeStep(random));
}

function makeStep(random: Random): Step {
  const dice = random.below(100);
  if (dice < 45) return makeAppend(random);
  if (dice < 58) return { do: 'appendRaw', ...makeRaw(random) };
  if (dice < 64) return { do: 'appendRawChecked', ...damage(random, makeRaw(random)) };
  if (dice < 68) return { do: 'select', number: random.pick([0, 1, 5, 15, 1000]) };
  if (dice < 70) return { do: 'appendTimestamp', number: random.below(2 ** 31) };
  if (dice < 75) return { do: 'tick', number: 1_700_000_000 + random.below(5) };
  if (dice < 82) return { do: 'unit', steps: Array.from({ length: random.below(6) }, () => makeUnitStep(random)) };
  if (dice < 94) return { do: 'flush', sync: random.chance(0.4) };
  if (dice < 96) return { do: 'mark', kind: random.pick(['c', 'i'] as const) };
  if (dice < 97) return { do: 'setChecksum', on: random.chance(0.6) };
  if (dice < 98) return { do: 'setRetain', on: random.chance(0.5) };
  return { do: 'cut', session: random.bytes(4).toString('hex') };
}

function makeUnitStep(random: Random): Step {
  const dice = random.below(10);
  if (dice < 7) return makeAppend(random);
  if (dice < 9) return { do: 'appendRaw', ...makeRaw(random) };
  return { do: 'flush', sync: random.chance(0.4) };
}

function makeAppend(random: Random): Step {
  return { do: random.chance(0.7) ? 'append' : 'appendArray', argv: makeArgv(random) };
}

/** Longest argument of a command with few of them, and of one among very many. */
const LONG_MAX = 400_000;
const SHORT_MAX = 200;

function makeArgv(random: Random, longest = LONG_MAX): Arg[] {
  if (random.chance(0.05)) return Array.from({ length: random.logBetween(10, 300) }, () => makeArg(random, SHORT_MAX));
  return Array.from({ length: random.between(1, 6) }, () => makeArg(random, longest));
}

const ALPHABETS = ['abcdefghijklmnopqrstuvwxyz:0123456789', 'aé', 'ab€', '😀x', '\ud83dz', 'q\ude00', '\r\n$*#\0'];

function makeArg(random: Random, longest: number): Arg {
  const length = random.chance(0.02) ? random.logBetween(100, longest) : random.chance(0.1) ? 0 : random.logBetween(1, SHORT_MAX);
  switch (random.below(4)) {
    case 0:
      return random.bytes(length);
    case 1:
      return random.pick([0, 7, -1, 12.25, 1e300, 2 ** 53, random.below(2 ** 31)]);
    default: {
      const alphabet = random.pick(random.chance(0.6) ? ALPHABETS.slice(0, 1) : ALPHABETS);
      const offset = random.below(alphabet.length);
      return alphabet.repeat(Math.ceil(length / alphabet.length) + 1).slice(offset, offset + length);
    }
  }
}

function makeRaw(random: Random): { bytes: Buffer; start: number; end: number } {
  const isMany = random.chance(0.05);
  const count = isMany ? random.logBetween(10, 1000) : random.between(1, 4);
  const records = Array.from({ length: count }, () => encodeArgv(makeArgv(random, isMany ? SHORT_MAX : LONG_MAX)));
  const before = random.bytes(random.below(9));
  const bytes = Buffer.concat([before, ...records, random.bytes(random.below(9))]);
  return { bytes, start: before.length, end: before.length + records.reduce((sum, record) => sum + record.length, 0) };
}

/** Half of the time. One byte changed, or the end moved, so that there is one thing to find. */
function damage(random: Random, { bytes, start, end }: { bytes: Buffer; start: number; end: number }) {
  if (random.chance(0.5)) return { bytes, start, end };
  if (random.chance(0.3)) return { bytes, start, end: start + random.between(1, end - start) };
  const bad = Buffer.from(bytes);
  bad[start + random.below(end - start)] = random.pick([0x0d, 0x0a, 0x30, 0x39, 0x2a, 0x24, 0x2d, 0xff]);
  return { bytes: bad, start, end };
}

// ------------------------------------------------------------------------------------------ running

export interface Run {
  /** What each call returned. */
  readonly returned: number[];
  /** Paths in the order in which they were written. */
  readonly paths: string[];
}

export async function runScript(rig: LogRig, steps: readonly Step[]): Promise<Run> {
  const run: Run = { returned: [], paths: [rig.path] };
  for (const step of steps) await runStep(rig, run, step);
  rig.log.flush(true);
  await rig.idle();
  return run;
}

async function runStep(rig: LogRig, run: Run, step: Step): Promise<void> {
  const { log } = rig;
  switch (step.do) {
    case 'append':
      run.returned.push(log.append(...step.argv));
      return;
    case 'appendArray':
      run.returned.push(log.appendArray(step.argv));
      return;
    case 'appendRaw':
    case 'appendRawChecked':
      run.returned.push(log[step.do](step.bytes, step.start, step.end));
      return;
    case 'select':
    case 'appendTimestamp':
      run.returned.push(log[step.do](step.number));
      return;
    case 'tick':
      log.tick(step.number);
      return;
    case 'unit':
      log.beginUnit();
      for (const inner of step.steps) await runStep(rig, run, inner);
      log.endUnit();
      return;
    case 'flush':
      log.flush(step.sync);
      await rig.idle();
      return;
    case 'mark':
      log.flush(true);
      await rig.idle();
      log.mark(step.kind);
      return;
    case 'setChecksum':
    case 'setRetain':
      log[step.do](step.on);
      return;
    case 'cut':
      await runCut(rig, run, step.session);
      return;
  }
}

async function runCut(rig: LogRig, run: Run, session: string): Promise<void> {
  // What is sealed here has the lag of a quiet log.
  rig.log.flush(false);
  await rig.idle();
  const path = rig.makeFile(`${run.paths.length}.aof`);
  await rig.log.openNext({ path, position: 0, session });
  rig.log.switchToNext();
  await rig.until(() => rig.stat('retargetStage') === 2);
  rig.log.resumeTarget();
  run.paths.push(path);
}

/** The naive oracle: what a script's calls return, given the LSNs that a refused appendRawChecked does not move, and all payload. */
export function expectedPayload(steps: readonly Step[], isRefused: (step: Step) => boolean): Buffer {
  const parts = steps.map((step): Buffer => {
    if (step.do === 'append' || step.do === 'appendArray') return encodeArgv(step.argv);
    if (step.do === 'appendRaw' || step.do === 'appendRawChecked')
      return isRefused(step) ? NOTHING : step.bytes.subarray(step.start, step.end);
    if (step.do === 'select') return encodeRecord('SELECT', step.number);
    if (step.do === 'appendTimestamp') return Buffer.from(`#TS:${step.number}\r\n`);
    return step.do === 'unit' ? expectedPayload(step.steps, isRefused) : NOTHING;
  });
  return Buffer.concat(parts);
}

const NOTHING = Buffer.alloc(0);

export function statusOf(rig: LogRig): Record<string, number> {
  const names = [
    'appendedLsn',
    'writtenLsn',
    'syncedLsn',
    'writtenOffset',
    'syncedOffset',
    'totalWrittenBytes',
    'bufferedBytes',
    'fault',
  ] as const;
  rig.log.status(rig.numbers);
  return Object.fromEntries(names.map((name) => [name, rig.numbers[Status[name]] as number]));
}
