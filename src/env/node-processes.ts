/** Who this process is, and whether another one still runs: what the directory lock needs to tell a live holder from a stale file. */
import { readFileSync, readlinkSync } from 'node:fs';
import type { Processes, ProcessIdentity } from './env.js';

export function createNodeProcesses(): Processes {
  return {
    self: {
      pid: process.pid,
      startTime: startTimeOf(process.pid) ?? '',
      bootId: textOf('/proc/sys/kernel/random/boot_id').trim(),
      pidNamespace: namespaceOf('/proc/self/ns/pid'),
    } satisfies ProcessIdentity,
    startTimeOf,
    onExit,
  };
}

/** Field 22 of /proc/<pid>/stat. Field 2 is the program's name in parentheses, which may itself hold spaces and parentheses. */
function startTimeOf(pid: number): string | null {
  if (process.platform !== 'linux') return isAlive(pid) ? '' : null;
  const stat = textOf(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  if (stat === '' || state === 'Z' || state === 'X') return null;
  return fields[22 - 3] ?? '';
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** `pid:[4026531836]` -> `4026531836`. */
function namespaceOf(link: string): string {
  try {
    return readlinkSync(link).replace(/\D/g, '');
  } catch {
    return '';
  }
}

/** '' where there is no such file: a platform without /proc, a process that has ended. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** One listener on the process for all engines: Node warns at eleven. */
const lastActs = new Set<() => void>();

function onExit(last: () => void): () => void {
  if (lastActs.size === 0) process.on('exit', runLastActs);
  // A function of its own for each call, so that the same `last` given twice is two entries.
  const entry = (): void => last();
  lastActs.add(entry);
  return () => {
    if (lastActs.delete(entry) && lastActs.size === 0) process.removeListener('exit', runLastActs);
  };
}

function runLastActs(): void {
  for (const last of lastActs) {
    try {
      last();
    } catch {
      // The process is ending: one engine's failure must not keep the others from their last write.
    }
  }
}
