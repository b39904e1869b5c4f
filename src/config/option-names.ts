/** TypeScript's names and values of directives: `autoAofRewritePercentage: 100` is `auto-aof-rewrite-percentage 100`. */
import { type ConfigValue, DIRECTIVE_NAMES, type DirectiveName, directiveOf } from './directives.js';

type CamelCase<S extends string> = S extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<CamelCase<Rest>>}`
  : S extends `${infer First}_${infer Rest}`
    ? `${First}${Capitalize<CamelCase<Rest>>}`
    : S;

/** Numbers may carry a unit as text (`'64mb'`), values of several words may be one text (`'900 1 300 10'`). */
type OptionValue<T> = [T] extends [boolean]
  ? boolean
  : [T] extends [string]
    ? T
    : [T] extends [number]
      ? number | string
      : T | string;

/** Every directive as an option. `undefined` is as if it were not there. */
export type ConfigOptions = {
  readonly [N in DirectiveName as CamelCase<N>]?: OptionValue<ConfigValue<N>> | undefined;
};

export function toOptionName(directive: string): string {
  return directive.replace(/[-_](.)/g, (_, letter: string) => letter.toUpperCase());
}

const byOptionName: ReadonlyMap<string, DirectiveName> = new Map(DIRECTIVE_NAMES.map((name) => [toOptionName(name), name]));

/** null when no directive has this option name. */
export function fromOptionName(option: string): DirectiveName | null {
  return byOptionName.get(option) ?? null;
}

/** The option's value as redis.conf would have it. */
export function optionText(name: DirectiveName, value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return directiveOf(name).kind.format(value);
}
