// Compiles src to dist/cjs and writes the ES module doors beside it: thin re-exports of the same CommonJS modules, so that a
// process which imports and requires the package holds one copy of every class.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const require = createRequire(import.meta.url);
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
if (process.argv.includes('--clean')) rmSync(join(root, 'dist'), { recursive: true, force: true });
const compiled = spawnSync(process.execPath, [tsc, '-p', root], { cwd: root, stdio: 'inherit' });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);

const doors = readdirSync(join(root, 'src'))
  .filter((name) => ['index.ts', 'aof.ts', 'server.ts', 'pure.ts', 'testing.ts'].includes(name))
  .map((name) => name.slice(0, -3));
mkdirSync(join(root, 'dist', 'esm'), { recursive: true });
for (const door of doors) {
  const file = join(root, 'dist', 'cjs', `${door}.js`);
  if (!existsSync(file)) continue;
  const names = Object.keys(require(file)).filter((name) => name !== '__esModule');
  const lines = names.map((name) => `export const ${name} = door.${name};`);
  writeFileSync(join(root, 'dist', 'esm', `${door}.mjs`), `import door from '../cjs/${door}.js';\n\n${lines.join('\n')}\n`);
  writeFileSync(join(root, 'dist', 'esm', `${door}.d.mts`), `export * from '../cjs/${door}.js';\n`);
}
