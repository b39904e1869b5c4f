// Puts the addon where a package carries it: prebuilds/<platform>-<arch>/everysec.<libc>.node, the name that node-gyp-build
// looks for. Built first where cargo is there; the debug symbols stay behind.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const built = join(root, 'build', 'Release', 'everysec.node');

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error(`package-addon: no addon is packed for ${process.platform}-${process.arch}; the TypeScript backend runs there`);
  process.exit(0);
}
// Present where glibc is, absent with musl.
const libc = process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
const target = join(root, 'prebuilds', 'linux-x64', `everysec.${libc}.node`);

const done = spawnSync('npm', ['run', '--silent', 'build:addon'], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
if (done.status !== 0 || !existsSync(built)) {
  console.error('package-addon: the addon could not be built');
  process.exit(1);
}
mkdirSync(dirname(target), { recursive: true });
rmSync(target, { force: true });
copyFileSync(built, target);
spawnSync('strip', ['--strip-unneeded', target], { stdio: 'ignore' });
console.log(`${relative(root, target)}: ${statSync(target).size} bytes`);
