/**
 * One trial is one process: no subject inherits another's heap, compiled code or open files. The child gets its parameters
 * as JSON and prints its result as the last line.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../trial.mjs', import.meta.url));
const DEADLINE_MS = 10 * 60_000;

/** Resolves with what the trial returned, or `{ unavailable }` when the subject cannot run here. Rejects when it failed. */
export function runTrial(subject, measure, params, nodeArguments = []) {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--expose-gc', ...nodeArguments, ENTRY, JSON.stringify({ subject, measure, params })],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let out = '';
    let errors = '';
    const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(deadline);
      const last = out.trimEnd().split('\n').at(-1) ?? '';
      if (code === 0 && last.startsWith('{')) resolve(JSON.parse(last));
      else reject(new Error(`${subject} ${measure} ended with ${signal ?? code}: ${errors.trim() || out.trim()}`));
    });
  });
}
