// What `npm start` and `npm test` need before they can run, done only where it is missing or stale: dependencies, the
// compiled TypeScript, and the addon where cargo is there. A machine without cargo runs the TypeScript backend, and one line says so.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const quietUnlessFailing = { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, shell: process.platform === 'win32' };

/** A digest over names and contents of everything below these paths. */
function fingerprint(paths) {
  const hash = createHash('sha256');
  const visit = (path) => {
    if (!existsSync(path)) return;
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) if (name !== 'target') visit(join(path, name));
    } else {
      hash.update(path.slice(root.length)).update('\0').update(readFileSync(path)).update('\0');
    }
  };
  for (const path of paths) visit(join(root, path));
  return hash.digest('hex');
}

function isFresh(stamp, digest) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === digest;
}

function installDependencies() {
  const installed = join(root, 'node_modules', '.setup-stamp');
  const digest = fingerprint(['package-lock.json']);
  if (isFresh(installed, digest)) return;
  console.error('everysec: installing dependencies');
  // `npm ci` refuses a lock file without the optional packages of platforms that a registry mirror does not carry; `npm install`
  // takes the same versions from it and leaves it as it is.
  const flags = ['--ignore-scripts', '--loglevel=error'];
  const clean = spawnSync('npm', ['ci', ...flags], quietUnlessFailing);
  const done = clean.status === 0 ? clean : spawnSync('npm', ['install', '--no-save', ...flags], quietUnlessFailing);
  if (done.status !== 0) {
    console.error(`everysec: the dependencies could not be installed\n${done.stdout ?? ''}${done.stderr ?? ''}`);
    process.exit(1);
  }
  writeFileSync(installed, digest);
}

function buildTypeScript() {
  const stamp = join(root, 'dist', '.setup-stamp');
  const digest = fingerprint(['src', 'tsconfig.json', 'scripts/build.mjs']);
  if (isFresh(stamp, digest)) return;
  console.error('everysec: compiling TypeScript');
  const done = spawnSync(process.execPath, [join(root, 'scripts', 'build.mjs')], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (done.status !== 0) process.exit(done.status ?? 1);
  writeFileSync(stamp, digest);
}

function buildAddon() {
  if (process.env.EVERYSEC_SKIP_ADDON === '1') {
    console.error('everysec: the TypeScript backend runs: EVERYSEC_SKIP_ADDON=1');
    return;
  }
  const stamp = join(root, 'build', '.setup-stamp');
  const digest = fingerprint(['crates', 'Cargo.toml', 'Cargo.lock']);
  if (isFresh(stamp, digest)) return;
  if (spawnSync('cargo', ['--version'], quietUnlessFailing).status !== 0) {
    console.error('everysec: the TypeScript backend runs: cargo is not on this machine, so the addon cannot be built');
    return;
  }
  console.error('everysec: building the addon (cargo, about a minute the first time)');
  mkdirSync(join(root, 'build'), { recursive: true });
  const done = spawnSync('npm', ['run', '--silent', 'build:addon'], quietUnlessFailing);
  if (done.status !== 0) {
    rmSync(join(root, 'build', 'Release'), { recursive: true, force: true });
    const why =
      `${done.stderr ?? ''}${done.stdout ?? ''}`
        .trim()
        .split('\n')
        .filter((line) => /error/i.test(line))[0] ?? 'cargo failed';
    console.error(`everysec: the TypeScript backend runs: the addon could not be built (${why.trim()})`);
    return;
  }
  writeFileSync(stamp, digest);
}

installDependencies();
buildTypeScript();
buildAddon();
