/** A copy of the sources, tests and builds to break mutant after mutant, with node_modules of the original. */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const COPIED = [
  'src',
  'crates',
  'scripts',
  'test',
  'bench',
  'docs',
  'examples',
  'build',
  'package.json',
  'tsconfig.json',
  'vitest.config.mts',
  'Cargo.toml',
];
/** From being asked to end to being killed. */
const GRACE_MS = 5000;
const ADDON = 'build/Release/everysec.node';

export class ScratchCopy {
  /** Makes it anew. Rust's target directory stays from earlier runs; what is copied is newer, so that no mutant of theirs stays built. */
  constructor(root, directory) {
    this.directory = directory;
    /** Process id of the leader of what runs. */
    this.running = null;
    mkdirSync(directory, { recursive: true });
    for (const name of [...COPIED, 'Cargo.lock', 'dist', 'node_modules']) {
      rmSync(join(directory, name), { recursive: true, force: true });
      if (name === 'node_modules') symlinkSync(join(root, name), join(directory, name));
      else if (existsSync(join(root, name))) cpSync(join(root, name), join(directory, name), { recursive: true });
    }
    const built = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: directory, encoding: 'utf8' });
    if (built.status !== 0) throw new Error(`the sources do not compile\n${built.stdout}${built.stderr}`);
    this.options = ts.readConfigFile(join(directory, 'tsconfig.json'), ts.sys.readFile).config.compilerOptions;
  }

  /** Puts a mutant's texts in place, and what is compiled of TypeScript. Returns what puts the original back. */
  apply({ id, texts }) {
    const undo = [];
    const put = (file, text) => {
      const path = join(this.directory, file);
      const before = readFileSync(path);
      undo.push(() => writeFileSync(path, before));
      writeFileSync(path, text);
    };
    for (const [file, text] of texts) {
      put(file, text);
      if (file.startsWith('src/')) put(`dist/cjs/${file.slice(4, -3)}.js`, this.compile(id, file, text));
    }
    return () => {
      for (const step of undo) step();
    };
  }

  compile(id, file, text) {
    const { module, moduleResolution: _, target, ...options } = this.options;
    const compilerOptions = { ...options, module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, sourceMap: false };
    const done = ts.transpileModule(text, { compilerOptions, fileName: file, reportDiagnostics: true });
    const [wrong] = done.diagnostics ?? [];
    if (wrong !== undefined)
      throw new Error(`${id} is no TypeScript: ${ts.flattenDiagnosticMessageText(wrong.messageText, '\n')}`);
    return done.outputText;
  }

  /** The addon of the sources as they are, unoptimized. Returns what puts the original one back, or an error's text. */
  buildAddon() {
    const path = join(this.directory, ADDON);
    const before = readFileSync(path);
    const args = ['napi', 'build', '--manifest-path', 'crates/everysec-napi/Cargo.toml', '--package-json-path', 'package.json'];
    const built = this.runSync('npx', [...args, '--no-js', '--dts', '/dev/null', '-o', 'build/Release']);
    const undo = () => {
      // Another file, not other bytes in it: a process may still have it mapped.
      rmSync(path, { force: true });
      writeFileSync(path, before);
    };
    if (built.status === 0) return undo;
    undo();
    return `${built.stdout}${built.stderr}`;
  }

  runSync(command, args) {
    return spawnSync(command, args, { cwd: this.directory, encoding: 'utf8', env: this.env({}), maxBuffer: 1 << 26 });
  }

  /** Status, output and whether the time limit ended it, together with all that it had started. */
  run(command, args, env, limitMs) {
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, {
        cwd: this.directory,
        env: this.env(env),
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      let isLate = false;
      this.running = child.pid;
      const timer = setTimeout(() => {
        isLate = true;
        // nextest ends its tests, which are in groups of their own, when it is asked to.
        this.stop('SIGTERM');
        setTimeout(() => {
          if (this.running === child.pid) this.stop();
        }, GRACE_MS).unref();
      }, limitMs);
      child.stdout.on('data', (chunk) => (output += chunk));
      child.stderr.on('data', (chunk) => (output += chunk));
      child.on('error', reject);
      child.on('exit', () => {
        clearTimeout(timer);
        // Servers of tests that were broken off.
        this.stop();
      });
      child.on('close', (status) => resolve({ status, output, isLate }));
    });
  }

  /** Ends what run() has started, with all that it has started itself. */
  stop(signal = 'SIGKILL') {
    try {
      if (this.running !== null) process.kill(-this.running, signal);
    } catch {
      // It has ended.
    }
    if (signal === 'SIGKILL') this.running = null;
  }

  env(more) {
    const target = join(this.directory, 'target');
    return { ...process.env, UV_USE_IO_URING: '0', NO_COLOR: '1', CARGO_TARGET_DIR: target, CARGO_TERM_COLOR: 'never', ...more };
  }
}
