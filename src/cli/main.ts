#!/usr/bin/env node
/** The `everysec` command: finds the sub-command and turns its outcome into an exit code: 0 good, 1 failure, 2 wrong use. */
import { benchCommand } from './bench.js';
import { checkCommand } from './check.js';
import type { CliCommand } from './cli-command.js';
import { packageVersion } from './package-version.js';
import { rewriteCommand } from './rewrite.js';
import { serveCommand } from './serve.js';

const COMMANDS: readonly CliCommand[] = [
  serveCommand,
  checkCommand,
  notThereYet('inspect', 'show what a directory holds'),
  rewriteCommand,
  notThereYet('restore', 'bring back a past moment into another directory'),
  benchCommand,
];

function usage(): string {
  const width = Math.max(...COMMANDS.map((command) => command.name.length));
  const lines = COMMANDS.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`);
  return `usage: everysec <command> [...]\n\n${lines.join('\n')}\n\neverysec <command> --help tells more. everysec --version prints the version.\n`;
}

function notThereYet(name: string, summary: string): CliCommand {
  return {
    name,
    summary,
    async run(argv) {
      if (argv.includes('--help')) {
        process.stdout.write(`everysec ${name}: ${summary}. Not there yet.\n`);
        return 0;
      }
      process.stderr.write(`everysec ${name}: not there yet\n`);
      return 2;
    },
  };
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(usage());
    return 0;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`everysec ${packageVersion()}\n`);
    return 0;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command !== undefined) return command.run(rest);
  process.stderr.write(name === undefined ? usage() : `everysec: no command is named '${name}'\n\n${usage()}`);
  return 2;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`everysec: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
