/**
 * What a rig needs of the real machine (root, mounts, loop devices, tools), and what becomes of it without.
 *
 * Without the privilege it is skipped, with a printed line, also in CI: a container is allowed to have none. A tool that is missing
 * where the privilege is there is a skip too, but in CI an error: .ci/run installs the tools.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** trace: strace may follow processes of ours. */
export type Privilege = 'root' | 'mount' | 'loop' | 'immutable' | 'trace';

const TOOLS_OF: Readonly<Record<Privilege, readonly string[]>> = {
  root: [],
  mount: ['mount'],
  loop: ['mkfs.ext4', 'truncate'],
  immutable: ['chattr'],
  trace: ['strace'],
};

export interface Needs {
  readonly privileges?: readonly Privilege[];
  /** Programs, or absolute paths of files. */
  readonly tools?: readonly string[];
}

/** A describe block for rigs that need this of the machine. */
export function describeOnMachine(name: string, needs: Needs, body: () => void): void {
  const privileges = needs.privileges ?? [];
  const tools = [...privileges.flatMap((privilege) => TOOLS_OF[privilege]), ...(needs.tools ?? [])];
  const missing = tools.filter((tool) => !hasTool(tool));
  // Without its tool nobody can tell whether a privilege is there.
  const asked = privileges.filter((privilege) => TOOLS_OF[privilege].every((tool) => !missing.includes(tool)));
  const denied = asked.map((privilege) => whyNot(privilege)).find((reason) => reason !== '');
  if (denied === undefined && missing.length === 0) {
    describe(name, body);
  } else if (denied === undefined && process.env['CI'] === 'true') {
    describe(name, () => {
      it(`needs ${missing.join(', ')}`, () => expect.fail(`${missing.join(', ')} missing, and CI must not skip`));
    });
  } else {
    const reason = denied ?? `${missing.join(', ')} missing`;
    console.warn(`skipped, ${reason}: ${name}`);
    describe.skip(`${name} (skipped: ${reason})`, body);
  }
}

/** Runs a tool to its end; what it complained about is in the error. */
export function run(program: string, ...args: string[]): string {
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
  if (done.status === 0) return done.stdout;
  throw new Error(`${[program, ...args].join(' ')}: ${done.error?.message ?? `${done.stderr}${done.stdout}`.trim()}`);
}

const reasons = new Map<Privilege, string>();

function whyNot(privilege: Privilege): string {
  const known = reasons.get(privilege);
  if (known !== undefined) return known;
  const reason = process.platform !== 'linux' ? `the platform is ${process.platform}` : probe(privilege);
  reasons.set(privilege, reason);
  return reason;
}

function probe(privilege: Privilege): string {
  if (privilege === 'trace') {
    const traced = spawnSync('strace', ['-f', '-o', '/dev/null', 'true'], { encoding: 'utf8' });
    return traced.status === 0 ? '' : `strace may not trace here: ${traced.stderr}`;
  }
  if (process.getuid?.() !== 0) return 'not root here';
  if (privilege === 'root') return '';
  const at = mkdtempSync(join(tmpdir(), 'everysec-probe-'));
  try {
    if (privilege === 'mount') return probeMount(at, ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', at]);
    const image = `${at}.image`;
    try {
      run('truncate', '-s', '1M', image);
      if (privilege === 'immutable') return probeImmutable(image);
      run('mkfs.ext4', '-q', image);
      return probeMount(at, ['-o', 'loop', image, at]);
    } finally {
      rmSync(image, { force: true });
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    rmdirSync(at);
  }
}

function probeMount(at: string, args: readonly string[]): string {
  const mounted = spawnSync('mount', args, { encoding: 'utf8' });
  if (mounted.status !== 0) return `no right to mount: ${mounted.stderr?.trim() ?? String(mounted.error)}`;
  run('umount', at);
  return '';
}

function probeImmutable(path: string): string {
  const done = spawnSync('chattr', ['+i', path], { encoding: 'utf8' });
  if (done.status !== 0) return `chattr +i is refused: ${done.stderr?.trim() ?? String(done.error)}`;
  run('chattr', '-i', path);
  return '';
}

function hasTool(tool: string): boolean {
  return tool.startsWith('/') ? existsSync(tool) : spawnSync('which', [tool], { stdio: 'ignore' }).status === 0;
}
