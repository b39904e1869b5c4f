/** All directives, and the types that follow from the table. */
import { AOF_DIRECTIVES } from './aof-directives.js';
import type { Directive } from './directive.js';
import { KEYSPACE_DIRECTIVES } from './keyspace-directives.js';
import { SERVER_DIRECTIVES } from './server-directives.js';

export const DIRECTIVES = { ...AOF_DIRECTIVES, ...SERVER_DIRECTIVES, ...KEYSPACE_DIRECTIVES };

export type DirectiveName = keyof typeof DIRECTIVES;

/** The type of a directive's value. */
export type ConfigValue<N extends DirectiveName> = (typeof DIRECTIVES)[N] extends Directive<infer T> ? T : never;

export type ConfigValues = { readonly [N in DirectiveName]: ConfigValue<N> };

export const DIRECTIVE_NAMES = Object.keys(DIRECTIVES) as readonly DirectiveName[];

const byAnyName: ReadonlyMap<string, DirectiveName> = new Map(
  DIRECTIVE_NAMES.flatMap((name) => {
    const { alias } = directiveOf(name);
    return alias === null ? [[name, name] as const] : [[name, name] as const, [alias, name] as const];
  }),
);

/** By its name or alias, in any case; null when there is none. */
export function findDirective(name: string): DirectiveName | null {
  return byAnyName.get(name.toLowerCase()) ?? null;
}

/** The entry as one whose value's type is not known. */
export function directiveOf(name: DirectiveName): Directive<unknown> {
  return DIRECTIVES[name];
}

export function defaultValues(): ConfigValues {
  return Object.fromEntries(DIRECTIVE_NAMES.map((name) => [name, directiveOf(name).default])) as ConfigValues;
}
