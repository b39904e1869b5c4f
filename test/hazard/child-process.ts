/** Runs a script in a Node process of its own which has the raw addon, and tells how that process ended. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');
/** A process that has not ended by then hangs. */
const PATIENCE_MS = 20_000;

/** What the scripts begin with. `directory` is the last argument; `open(name)` opens a new log there. */
const PRELUDE = `
  const fs = require('node:fs'), path = require('node:path');
  const addonPath = require('node-gyp-build').path(${JSON.stringify(root)});
  const addon = require(addonPath);
  const directory = process.argv.at(-1);
  const status = new Float64Array(64);
  const open = async (name, onProgress = () => {}) => {
    const file = path.join(directory, name);
    fs.writeFileSync(file, '');
    return addon.openLog(file, 0, '0123abcd', 0, true, true, onProgress);
  };
  const count = (ids, is) => ids.filter((id) => { try { return is(id); } catch { return false; } }).length;
  const threads = () => count(fs.readdirSync('/proc/self/task'), (id) => fs.readFileSync('/proc/self/task/' + id + '/comm', 'utf8').startsWith('everysec'));
  const files = () => count(fs.readdirSync('/proc/self/fd'), (fd) => fs.readlinkSync('/proc/self/fd/' + fd).startsWith(directory));
  /** Waits until no thread and no file of a log is left; a thread that has said its last word takes a moment to be gone. */
  const gone = async () => {
    for (let i = 0; i < 500 && threads() + files() > 0; i++) {
      global.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    console.log(threads(), files());
  };
  /** Records k0, k1, ... */
  const fill = (log, count, from = 0) => { for (let i = from; i < from + count; i++) log.append('SET', 'k' + i, 'v'.repeat(32)); };
`;

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function runChild(script: string, directory: string, flags: readonly string[] = []): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const source = `${PRELUDE}\n(async () => {${script}\n})();`;
    const child = spawn(process.execPath, [...flags, '-e', source, directory], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: PATIENCE_MS,
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** What a process says that ended by itself, with these lines on its standard output. */
export function ended(...lines: string[]): Ended {
  return { code: 0, signal: null, stdout: lines.map((line) => `${line}\n`).join(''), stderr: '' };
}
