/** One line of configuration, wherever it came from: redis.conf, the command line, an option. */
import { AofError } from '../errors.js';

export interface ConfigLine {
  /** Name of the directive, then its arguments. Never empty. */
  readonly words: readonly string[];
  /** For errors: the line as it was written, its number (from 1), and where it stood. */
  readonly text: string;
  readonly lineNumber: number;
  readonly source: string;
}

/** What redis-server prints below its headline: where, the line, the reason. */
export function configLineError(line: Omit<ConfigLine, 'words'>, reason: string): AofError {
  const { source, lineNumber, text } = line;
  const message = `Reading the configuration file, at line ${lineNumber} of ${source}\n>>> '${text}'\n${reason}`;
  return new AofError('AOF_CONFIG', message, { path: source });
}
