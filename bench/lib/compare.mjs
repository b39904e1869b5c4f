/** Side by side: every round runs each subject once, in an order that rotates, so that drift of the machine hits all alike. */
import { rmSync } from 'node:fs';
import { runTrial } from './trial.mjs';
import { settle } from './workspace.mjs';

/**
 * What a row gets to work with. `compare` collects the trials of one measurement into `measurements[name]`:
 * `{ measure, params, trials: [{ round, subject, result | unavailable }] }`.
 */
export function makeContext({ workspace, rounds, isQuick, say }) {
  const measurements = {};
  const missing = new Map();

  /** A subject is a name, or `{ name, measure, params, as }` where it differs from the others. */
  async function compare(name, { measure, params = {}, subjects, rounds: own = rounds }) {
    const measurement = { measure, params, trials: [] };
    measurements[name] = measurement;
    const list = subjects.map((subject) => (typeof subject === 'string' ? { name: subject } : subject));
    for (let round = 0; round < own; round++) {
      for (let k = 0; k < list.length; k++) {
        const subject = list[(k + round) % list.length];
        const label = subject.as ?? subject.name;
        const outcome = await once(subject, measure, params);
        measurement.trials.push({ round, subject: label, ...outcome });
        say(`${name} ${round + 1}/${own} ${label}: ${summary(outcome)}`);
      }
    }
    return measurement;
  }

  async function once(subject, measure, params) {
    if (missing.has(subject.name)) return { unavailable: missing.get(subject.name) };
    const dir = workspace.makeDirectory(subject.name);
    if (!isQuick) settle(workspace.root);
    try {
      const result = await runTrial(subject.name, subject.measure ?? measure, { ...params, ...subject.params, dir });
      if (result.unavailable === undefined) return { result };
      missing.set(subject.name, result.unavailable);
      return { unavailable: result.unavailable };
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }

  /** Files for reading rows: `{ source, remove(), ... }`, or null where the backend does not run here. */
  async function prepareSource(subject, params, measure = 'prepare') {
    const source = workspace.makeDirectory('source');
    const result = await runTrial(subject, measure, { ...params, source });
    if (result.unavailable !== undefined) return null;
    return { source, ...result, remove: () => rmSync(source, { recursive: true, force: true }) };
  }

  return { compare, prepareSource, measurements, isQuick, rounds, say };
}

function summary({ result, unavailable }) {
  if (unavailable !== undefined) return `not run (${unavailable})`;
  if (result.perSecond !== undefined) {
    const bandwidth = !result.bytesPerSecond ? '' : `, ${(result.bytesPerSecond / 1e6).toFixed(0)} MB/s`;
    return `${Math.round(result.perSecond).toLocaleString('en')}/s${bandwidth}`;
  }
  return 'done';
}
