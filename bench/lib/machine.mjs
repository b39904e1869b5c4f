/** What a figure depends on: recorded beside it. No host name and no path of the machine. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { packageRoot } from './paths.mjs';

export function describeMachine(fileSystem) {
  const processors = cpus();
  return {
    platform: `${process.platform}-${process.arch}`,
    kernel: release(),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    fileSystem,
    loadBefore: loadavg().map((load) => Number(load.toFixed(2))),
  };
}

const PEERS = ['lmdb', 'classic-level', 'sonic-boom', 'benchmark'];

export function describeVersions() {
  const versions = { node: process.version, v8: process.versions.v8, everysec: versionOf(join(packageRoot, 'package.json')) };
  for (const peer of PEERS) versions[peer] = versionOfPackage(peer);
  versions.commit = git('rev-parse', '--short', 'HEAD');
  versions.isTreeClean = git('status', '--porcelain', '--untracked-files=no') === '';
  versions['redis-server'] = /v=(\S+)/.exec(output('redis-server', ['--version']) ?? '')?.[1] ?? null;
  versions.cargo = output('cargo', ['--version']);
  return versions;
}

function versionOf(path) {
  return JSON.parse(readFileSync(path, 'utf8')).version;
}

/** Some packages do not export their package.json: walk up from their entry point to it. */
function versionOfPackage(name) {
  const require = createRequire(join(packageRoot, 'package.json'));
  try {
    for (let at = dirname(require.resolve(name)); at !== dirname(at); at = dirname(at)) {
      try {
        const found = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'));
        if (found.name === name) return found.version;
      } catch {
        // no package.json at this level
      }
    }
  } catch {
    // not installed
  }
  return null;
}

function git(...args) {
  return output('git', args);
}

function output(program, args) {
  try {
    return execFileSync(program, args, { cwd: packageRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}
