/** The ordinary types of values: one word each. Reasons for refusing are Redis 7.0's. */
import { type Kind, Refusal } from './directive.js';
import { parseInteger, parseMemory, toSafeNumber } from './units.js';

export const INT_MIN = -2147483648;
export const INT_MAX = 2147483647;
export const UINT_MAX = 4294967295;
export const LONG_MAX = 9223372036854775807n;

export interface Bounds {
  readonly min: number;
  /** Inclusive. */
  readonly max: number | bigint;
  /** Values within the bounds and outside of these become the nearest of them. */
  readonly clampTo?: readonly [min: number, max: number];
}

/** `refusedTrue`: what to say where only `no` is possible. */
export function yesNo(refusedTrue?: string): Kind<boolean> {
  return singleWord('bool', {
    parse(text) {
      const word = text.toLowerCase();
      if (word !== 'yes' && word !== 'no') return new Refusal("argument must be 'yes' or 'no'");
      return word === 'yes' && refusedTrue !== undefined ? new Refusal(refusedTrue) : word === 'yes';
    },
    format: (value) => (value ? 'yes' : 'no'),
  });
}

/** One of these words, in any case. */
export function oneOf<const T extends string>(...choices: readonly T[]): Kind<T> {
  return singleWord('enum', {
    parse(text) {
      const word = text.toLowerCase();
      return choices.find((choice) => choice === word) ?? new Refusal(notAmong(choices));
    },
    format: (value) => value,
  });
}

export function notAmong(choices: readonly string[]): string {
  return `argument(s) must be one of the following: ${choices.join(', ')}`;
}

export function integer(bounds: Bounds): Kind<number> {
  return singleWord('int', {
    parse(text) {
      const value = parseInteger(text);
      return value === null ? new Refusal("argument couldn't be parsed into an integer") : within(bounds, value);
    },
    format: String,
  });
}

/** Bytes, with units. */
export function memory(bounds: Bounds): Kind<number> {
  return singleWord('memory', {
    parse(text) {
      const value = parseMemory(text);
      return value === null ? new Refusal('argument must be a memory value') : within(bounds, value);
    },
    format: String,
  });
}

/** Bytes, or a percentage of `maxmemory`: `{ percent: 50 }`. */
export function memoryOrPercent(): Kind<number | { readonly percent: number }> {
  return singleWord('memory or percent', {
    parse(text) {
      if (!text.endsWith('%')) {
        const value = parseMemory(text);
        return value === null ? new Refusal('argument must be a memory or percent value') : toSafeNumber(value);
      }
      const percent = parseInteger(text.slice(0, -1));
      if (percent === null || percent < 0n) return new Refusal('argument must be a memory or percent value');
      return percent > 100n ? new Refusal('percentage argument must be less or equal to 100') : { percent: Number(percent) };
    },
    format: (value) => (typeof value === 'number' ? String(value) : `${value.percent}%`),
  });
}

/** File modes. */
export function octal(max: number): Kind<number> {
  return singleWord('octal', {
    parse(text) {
      if (!/^[0-7]{1,10}$/.test(text)) return new Refusal("argument couldn't be parsed as an octal number");
      const value = Number.parseInt(text, 8);
      return value > max ? new Refusal(`argument must be between 0 and ${max.toString(8)} inclusive`) : value;
    },
    format: (value) => value.toString(8),
  });
}

/** Anything; bytes that are not text are not kept. */
export function text(): Kind<string> {
  return singleWord('string', { parse: (value) => value, format: (value) => value });
}

/** A name inside a directory. `noun` is what the refusal calls it. */
export function baseName(directive: string, noun: 'filename' | 'dirname', mayBeEmpty = false): Kind<string> {
  return singleWord('string', {
    parse(value) {
      if (value === '' && !mayBeEmpty) return new Refusal(`${directive} can't be empty`);
      const isPath = /[/\\\0]/.test(value) || value === '.' || value === '..';
      return isPath ? new Refusal(`${directive} can't be a path, just a ${noun}`) : value;
    },
    format: (value) => value,
  });
}

function singleWord<T>(type: string, how: { parse(text: string): T | Refusal; format(value: T): string }): Kind<T> {
  return { type, isMultiWord: false, parse: ([text = '']) => how.parse(text), format: how.format };
}

function within({ min, max, clampTo }: Bounds, value: bigint): number | Refusal {
  if (value < min || value > max) return new Refusal(`argument must be between ${min} and ${max} inclusive`);
  const number = toSafeNumber(value);
  return clampTo === undefined ? number : Math.min(Math.max(number, clampTo[0]), clampTo[1]);
}
