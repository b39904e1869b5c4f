/** What a directive is: the type of its value, its default, when it may be set. The tables are in `*-directives.ts`. */

/** A bad value, and why in Redis's words. A bad value is always refused, never bent (one exception: `hz`, as in Redis). */
export class Refusal {
  constructor(readonly reason: string) {}
}

/** How values of one type are read and printed. */
export interface Kind<T> {
  /** For documentation. */
  readonly type: string;
  /** Takes any number of words; one text with blanks in it is split then. Otherwise exactly one. */
  readonly isMultiWord: boolean;
  /** `current`: the value so far, for directives which may be given in parts. */
  parse(words: readonly string[], current: T): T | Refusal;
  /** As CONFIG GET prints it. */
  format(value: T): string;
  /** Several lines of one redis.conf add up instead of the last one counting. */
  accumulate?(earlier: T, later: T): T;
}

/**
 * mutable: CONFIG SET takes it. immutable: only redis.conf, the command line and options do. protected: as mutable, where
 * `enable-protected-configs` allows it.
 */
export type Mutability = 'mutable' | 'immutable' | 'protected';

export interface Directive<T> {
  readonly kind: Kind<T>;
  readonly default: T;
  readonly mutability: Mutability;
  readonly doc: string;
  /** Shown by CONFIG GET only when asked for by its whole name. */
  readonly isHidden: boolean;
  /** Another name of it, which CONFIG GET shows besides. */
  readonly alias: string | null;
}

export function directive<T>(
  kind: Kind<T>,
  defaultValue: T,
  mutability: Mutability,
  doc: string,
  more: { readonly isHidden?: boolean; readonly alias?: string } = {},
): Directive<T> {
  return { kind, default: defaultValue, mutability, doc, isHidden: more.isHidden ?? false, alias: more.alias ?? null };
}
