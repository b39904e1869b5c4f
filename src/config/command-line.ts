/** The command line as redis-server takes it: `[redis.conf | -] --directive value value --directive value`. */
import { type ConfigLine, configLineError } from './config-line.js';
import { quote } from './quoted-words.js';

export interface CommandLine {
  /** Path of a redis.conf, `-` for standard input, null for none. */
  readonly configFile: string | null;
  /** What the directives on the command line say: to be loaded after the file. */
  readonly lines: readonly ConfigLine[];
}

/** `args` without program and sub-command. Throws AofError (AOF_CONFIG) for a word that belongs to no directive. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const [first] = args;
  const configFile = first !== undefined && !first.startsWith('--') ? first : null;
  const lines: ConfigLine[] = [];
  let words: string[] | null = null;
  for (const arg of configFile === null ? args : args.slice(1)) {
    if (arg.startsWith('--') && arg.length > 2) {
      if (words !== null) lines.push(toLine(words, lines.length + 1));
      words = [arg.slice(2)];
    } else if (words === null) {
      throw configLineError({ text: arg, lineNumber: 1, source: COMMAND_LINE }, 'Bad directive or wrong number of arguments');
    } else {
      words.push(arg);
    }
  }
  if (words !== null) lines.push(toLine(words, lines.length + 1));
  return { configFile, lines };
}

const COMMAND_LINE = 'command line';

function toLine(words: readonly string[], lineNumber: number): ConfigLine {
  const [name = '', ...values] = words;
  return { words, text: [name, ...values.map(quote)].join(' '), lineNumber, source: COMMAND_LINE };
}
