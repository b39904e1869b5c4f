/** Reads the text of a redis.conf into lines of words. Blank lines and lines that begin with `#` say nothing. */
import { AofError } from '../errors.js';
import { type ConfigLine, configLineError } from './config-line.js';
import { splitWords } from './quoted-words.js';

export interface ConfText {
  /** For errors: the path. */
  readonly source: string;
  readonly text: string;
}

/** Finds what `include <path>` names, which may be a glob pattern: any number of files, in order. What it throws is passed on. */
export type ReadInclude = (path: string, includedFrom: string) => readonly ConfText[];

const INCLUDE_DEPTH_MAX = 16;

/**
 * Lines of the text, each `include` replaced by the lines of the files it names. Throws AofError (AOF_CONFIG) with line
 * number and line for quotes that do not match and for files that include each other.
 */
export function parseRedisConf(conf: ConfText, readInclude: ReadInclude, depth = 0): ConfigLine[] {
  if (depth > INCLUDE_DEPTH_MAX) {
    throw new AofError('AOF_CONFIG', `${conf.source}: files include one another more than ${INCLUDE_DEPTH_MAX} deep`);
  }
  const lines: ConfigLine[] = [];
  for (const [index, raw] of conf.text.split('\n').entries()) {
    const text = raw.replace(/^[ \t\r]+|[ \t\r]+$/g, '');
    if (text === '' || text.startsWith('#')) continue;
    const where = { text, lineNumber: index + 1, source: conf.source };
    const words = splitWords(text);
    if (words === null) throw configLineError(where, 'Unbalanced quotes in configuration line');
    const [name, path] = words;
    if (name === undefined) continue;
    if (name.toLowerCase() === 'include' && words.length === 2 && path !== undefined) {
      for (const included of readInclude(path, conf.source)) lines.push(...parseRedisConf(included, readInclude, depth + 1));
    } else {
      lines.push({ ...where, words });
    }
  }
  return lines;
}
