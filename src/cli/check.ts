/** `everysec check`: what a start would find in a directory, a manifest or a file; `--fix` makes the repair that a start would make. */
import { basename } from 'node:path';
import { checkLog, type FileCheck } from '../aof/check-log.js';
import { loadBackend } from '../backend/load-backend.js';
import { backendWish } from '../backend/wish.js';
import { createNodeEnv } from '../env/node-env.js';
import type { CliCommand } from './cli-command.js';

const HELP = `usage: everysec check [--fix] [--json] <directory | manifest | file>

Reads every byte of an append only file and says what is there: whole, torn at its end, or damaged. Changes nothing.

  --fix    cut a torn tail of the last file; what is cut is kept in <file>.corrupt-<seconds>-<n>. Damage is never cut.
  --json   one JSON object per file

Exit code: 0 all is well (or was made so), 1 torn or damaged, 2 wrong use.
`;

export const checkCommand: CliCommand = {
  name: 'check',
  summary: 'check a directory, a manifest or a file, and cut a torn tail on request',
  async run(argv) {
    const options = argv.filter((word) => word.startsWith('-'));
    const [from, ...more] = argv.filter((word) => !word.startsWith('-'));
    if (options.includes('--help') || options.includes('-h')) {
      process.stdout.write(HELP);
      return 0;
    }
    const isKnown = options.every((option) => option === '--fix' || option === '--json');
    if (from === undefined || more.length > 0 || !isKnown) {
      process.stderr.write(HELP);
      return 2;
    }
    return check(from, options.includes('--fix'), options.includes('--json'));
  },
};

async function check(from: string, fix: boolean, json: boolean): Promise<number> {
  const env = createNodeEnv();
  const backend = await loadBackend(env, backendWish('auto', process.env['EVERYSEC_BACKEND']));
  let isGood = true;
  for await (const found of checkLog(env, backend, from, { fix })) {
    const isWell = found.decision.kind === 'ok' || (found.decision.kind === 'cut' && fix);
    isGood &&= isWell;
    process.stdout.write(json ? `${JSON.stringify(found)}\n` : describe(found));
  }
  if (!json) process.stdout.write(isGood ? 'All AOF files and manifest are valid\n' : 'Not all AOF files are valid\n');
  return isGood ? 0 : 1;
}

function describe({ path, kind, outcome, decision, copy }: FileCheck): string {
  const name = basename(path);
  const title = `${kind === 'base' ? 'BASE' : 'INCR'} AOF ${name}`;
  const kept = decision.kind === 'cut' ? decision.offset : outcome.validEnd;
  const marks = { c: ', closed cleanly', i: ', idle', '': '' };
  const blocks = outcome.isAnnotated ? `${outcome.blocks} checksummed blocks` : 'no checksums';
  const lines = [
    `AOF analyzed: filename=${name}, size=${outcome.fileSize}, ok_up_to=${kept}, diff=${outcome.fileSize - kept}`,
    `  ${outcome.commands} commands, lsn ${outcome.lsn}, ${blocks}${marks[outcome.endMark]}`,
  ];
  if (outcome.foreignBytes > 0) lines.push(`  ${outcome.foreignBytes} bytes were appended by another server: not verified`);
  if (decision.kind === 'ok') lines.push(outcome.fileSize === 0 ? `${title} is empty` : `${title} is valid`);
  else if (decision.kind === 'refuse') lines.push(`${title} is not valid: ${decision.message}`);
  else if (copy === '')
    lines.push(`${title} has a torn tail: --fix would cut it at offset ${decision.offset}, and so will the next start`);
  else lines.push(`${title}: torn tail cut at offset ${decision.offset}, kept in ${copy}`);
  return `${lines.join('\n')}\n`;
}
