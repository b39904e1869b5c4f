/** The types of values that are several words: save points, output buffer limits, addresses, shutdown options. */
import { type Kind, Refusal } from './directive.js';
import { notAmong } from './kinds.js';
import { parseInteger, parseMemory, toSafeNumber } from './units.js';

export interface SavePoint {
  readonly seconds: number;
  readonly changes: number;
}

/** `900 1 300 10`; an empty text is none. Lines of one file add up, and an empty one forgets those before it. */
export function savePoints(): Kind<readonly SavePoint[]> {
  return {
    type: 'save points',
    isMultiWord: true,
    parse(words) {
      if (words.length === 1 && words[0] === '') return [];
      if (words.length === 0 || words.length % 2 !== 0) return new Refusal(INVALID_SAVE);
      const points: SavePoint[] = [];
      for (let i = 0; i < words.length; i += 2) {
        const seconds = parseInteger(words[i] ?? '');
        const changes = parseInteger(words[i + 1] ?? '');
        if (seconds === null || changes === null || seconds < 1n || changes < 0n) return new Refusal(INVALID_SAVE);
        points.push({ seconds: toSafeNumber(seconds), changes: toSafeNumber(changes) });
      }
      return points;
    },
    format: (points) => points.map(({ seconds, changes }) => `${seconds} ${changes}`).join(' '),
    accumulate: (earlier, later) => (later.length === 0 ? [] : [...earlier, ...later]),
  };
}

const INVALID_SAVE = 'Invalid save parameters';

export interface OutputBufferLimit {
  /** The connection is closed at once above this. 0: no limit. */
  readonly hardBytes: number;
  /** It is closed when it stays above this for softSeconds. 0: no limit. */
  readonly softBytes: number;
  readonly softSeconds: number;
}

const CLIENT_CLASSES = ['normal', 'slave', 'pubsub'] as const;
export type ClientClass = (typeof CLIENT_CLASSES)[number];
export type OutputBufferLimits = Readonly<Record<ClientClass, OutputBufferLimit>>;

/** `<class> <hard> <soft> <seconds>` once or more; classes that are not named keep their limits. */
export function outputBufferLimits(): Kind<OutputBufferLimits> {
  return {
    type: 'output buffer limits',
    isMultiWord: true,
    parse(words, current) {
      if (words.length === 1 && words[0] === '') return current;
      if (words.length === 0 || words.length % 4 !== 0) {
        return new Refusal('Wrong number of arguments in buffer limit configuration.');
      }
      const limits: Record<ClientClass, OutputBufferLimit> = { ...current };
      for (let i = 0; i < words.length; i += 4) {
        const clientClass = clientClassOf(words[i] ?? '');
        if (clientClass === null) return new Refusal('Invalid client class specified in buffer limit configuration.');
        const limit = outputBufferLimit(words.slice(i + 1, i + 4));
        if (limit === null) return new Refusal('Error in hard, soft or soft_seconds setting in buffer limit configuration.');
        limits[clientClass] = limit;
      }
      return limits;
    },
    format: (limits) =>
      CLIENT_CLASSES.map((name) => {
        const { hardBytes, softBytes, softSeconds } = limits[name];
        return `${name} ${hardBytes} ${softBytes} ${softSeconds}`;
      }).join(' '),
  };
}

function clientClassOf(word: string): ClientClass | null {
  const name = word.toLowerCase() === 'replica' ? 'slave' : word.toLowerCase();
  return CLIENT_CLASSES.find((candidate) => candidate === name) ?? null;
}

function outputBufferLimit([hard = '', soft = '', seconds = '']: readonly string[]): OutputBufferLimit | null {
  const hardBytes = parseMemory(hard);
  const softBytes = parseMemory(soft);
  const softSeconds = parseInteger(seconds);
  if (hardBytes === null || softBytes === null || softSeconds === null || softSeconds < 0n) return null;
  return { hardBytes: toSafeNumber(hardBytes), softBytes: toSafeNumber(softBytes), softSeconds: toSafeNumber(softSeconds) };
}

/** Words as they are: addresses for `bind`. An empty text is none. */
export function wordList(): Kind<readonly string[]> {
  return {
    type: 'words',
    isMultiWord: true,
    parse: (words) => (words.length === 1 && words[0] === '' ? [] : words),
    format: (words) => words.join(' '),
  };
}

/** Numbers from 0 to 100. */
export function percentiles(directive: string): Kind<readonly number[]> {
  return {
    type: 'percentiles',
    isMultiWord: true,
    parse(words) {
      const given = words.length === 1 && words[0] === '' ? [] : words;
      const values = given.map(Number);
      if (given.includes('') || values.some(Number.isNaN)) return new Refusal(`Invalid ${directive} parameters`);
      if (values.every((value) => value >= 0 && value <= 100)) return values;
      return new Refusal(`${directive} parameters should sit between [0.0,100.0]`);
    },
    format: (values) => values.join(' '),
  };
}

const SHUTDOWN_OPTIONS = ['default', 'save', 'nosave', 'now', 'force'] as const;
export type ShutdownOption = Exclude<(typeof SHUTDOWN_OPTIONS)[number], 'default'>;

/** What SIGTERM means: options of SHUTDOWN; none is printed as `default`. */
export function shutdownOptions(): Kind<readonly ShutdownOption[]> {
  return {
    type: 'shutdown options',
    isMultiWord: true,
    parse(words) {
      const given = words.map((word) => word.toLowerCase());
      if (given.length === 0 || !given.every((word) => SHUTDOWN_OPTIONS.some((option) => option === word))) {
        return new Refusal(notAmong(SHUTDOWN_OPTIONS));
      }
      const options = SHUTDOWN_OPTIONS.filter((option) => option !== 'default' && given.includes(option)) as ShutdownOption[];
      if (options.includes('save') && options.includes('nosave')) {
        return new Refusal("shutdown options SAVE and NOSAVE can't be used simultaneously");
      }
      return options;
    },
    format: (options) => (options.length === 0 ? 'default' : options.join(' ')),
  };
}

/** Letters of `notify-keyspace-events`; `A` stands for all of the first group. */
const EVENT_CLASSES = 'g$lshzxetd';
const OTHER_EVENT_CLASSES = 'nKEm';

/** A set of letters, printed in Redis's order (7.0 forgets to print `n` beside `A`). */
export function eventClasses(): Kind<string> {
  return {
    type: 'event classes',
    isMultiWord: false,
    parse([text = '']) {
      const letters = new Set(text.replace(/A/g, EVENT_CLASSES));
      if ([...letters].some((letter) => !(EVENT_CLASSES + OTHER_EVENT_CLASSES).includes(letter))) {
        return new Refusal("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
      }
      const classes = [...EVENT_CLASSES].filter((letter) => letters.has(letter)).join('');
      const others = [...OTHER_EVENT_CLASSES].filter((letter) => letters.has(letter)).join('');
      return (classes === EVENT_CLASSES ? 'A' : classes) + others;
    },
    format: (value) => value,
  };
}
