/**
 * `everysec bench`: the numbers of docs/performance.md, measured on this machine. The benches and the programs that they
 * compare with are part of a clone and not of the installed package, so this only finds bench/run.mjs and hands over.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const HELP = `usage: everysec bench [--rows P1,P2,...] [--trials 5] [--quick] [--list]

Measures the rows of docs/performance.md on this machine, prints their tables and, unless --quick, writes the raw record
under bench/record and docs/performance.md anew. --list names the rows and about how long each takes. Needs a clone of the
repository with its development dependencies; rows that compare with redis-server need that too.
`;

/** From dist/cjs/cli, where this file runs. */
const PROGRAM = join(__dirname, '../../../bench/run.mjs');

export const benchCommand = {
  name: 'bench',
  summary: 'measure the rows of docs/performance.md on this machine',
  /** Exit code: that of bench/run.mjs; 1 where there are no benches. */
  async run(argv: readonly string[]): Promise<number> {
    if (argv.includes('--help')) {
      process.stdout.write(HELP);
      return 0;
    }
    if (!existsSync(PROGRAM)) {
      process.stderr.write(
        'everysec bench: the installed package does not contain the benches. Clone the repository, run `npm ci` there and then `npm run bench`.\n',
      );
      return 1;
    }
    return runProgram(argv);
  },
};

/** Signals to this process reach the child by the terminal's process group; its exit code becomes ours. */
function runProgram(argv: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...argv], { stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
