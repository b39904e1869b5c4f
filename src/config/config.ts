/**
 * The configuration: a typed value for every directive, what loads it at start (redis.conf, command line, options) and what
 * changes it while things run (CONFIG SET), with hooks that carry a change out and may refuse it.
 *
 * Loading and setting are all or nothing. Errors are AofError (AOF_CONFIG); their messages are Redis's without `ERR `.
 */
import { AofError } from '../errors.js';
import { type ConfigLine, configLineError } from './config-line.js';
import { Refusal } from './directive.js';
import {
  type ConfigValue,
  type ConfigValues,
  DIRECTIVE_NAMES,
  type DirectiveName,
  defaultValues,
  directiveOf,
  findDirective,
} from './directives.js';
import { foreignDirective } from './foreign-directives.js';
import { isGlob, matchesGlob } from './glob-format.js';
import { type ConfigOptions, fromOptionName, optionText } from './option-names.js';

/**
 * Carries a change out, after the value itself has changed. Throwing (or rejecting) refuses it: the message is the reason
 * the client reads, all values of that CONFIG SET go back, and the hooks that had run run again with old and new exchanged.
 */
export type ApplyHook<T> = (value: T, previous: T) => void | Promise<void>;

export interface SetOrigin {
  /** The client is on this machine: what `enable-protected-configs local` asks. */
  readonly isLocal: boolean;
}

export class Config {
  private values: ConfigValues = defaultValues();
  private readonly hooks = new Map<DirectiveName, Array<ApplyHook<unknown>>>();
  /** Settles, never rejecting, when the set() that waits for a hook is done; null when none does. */
  private settling: Promise<unknown> | null = null;

  /** Throws AofError (AOF_CONFIG) for an option that does not exist or a bad value. */
  static fromOptions(options: ConfigOptions): Config {
    const config = new Config();
    config.loadOptions(options);
    return config;
  }

  value<N extends DirectiveName>(name: N): ConfigValue<N> {
    return this.values[name] as ConfigValue<N>;
  }

  /** As CONFIG GET prints it; null for a name that does not exist. Aliases and any case are understood. */
  text(name: string): string | null {
    const found = findDirective(name);
    return found === null ? null : directiveOf(found).kind.format(this.values[found]);
  }

  /**
   * CONFIG GET: each directive that one of the patterns matches, once, aliases besides. A whole name is given back as it was
   * asked for, and finds hidden directives too.
   */
  get(patterns: readonly string[]): Array<[name: string, value: string]> {
    const found = new Map<string, string>();
    for (const pattern of patterns) {
      if (!isGlob(pattern)) {
        const value = this.text(pattern);
        if (value !== null) found.set(pattern, value);
        continue;
      }
      for (const name of DIRECTIVE_NAMES) {
        const { isHidden, alias, kind } = directiveOf(name);
        if (isHidden) continue;
        const value = kind.format(this.values[name]);
        if (matchesGlob(pattern, name)) found.set(name, value);
        if (alias !== null && matchesGlob(pattern, alias)) found.set(alias, value);
      }
    }
    return [...found];
  }

  /**
   * CONFIG SET: all or nothing. Done on return unless a hook has to wait or an earlier set() still does; then the promise
   * tells. Throws or rejects with AofError (AOF_CONFIG).
   */
  set(
    pairs: ReadonlyArray<readonly [name: string, value: string]>,
    origin: SetOrigin = { isLocal: false },
  ): void | Promise<void> {
    if (this.settling !== null) return this.settling.then(() => this.set(pairs, origin));
    const next = this.parsePairs(pairs, origin);
    const previous = this.values;
    const names = [...next.keys()].filter((name) => this.isChanged(name, next.get(name)));
    this.values = { ...previous, ...Object.fromEntries(next) };
    const applied = this.apply(names, previous);
    if (!(applied instanceof Promise)) return;
    const settling = applied.finally(() => {
      this.settling = null;
    });
    this.settling = settling.catch(() => undefined);
    return settling;
  }

  /** Calls `hook` for each later change of this directive by set(). Returns how to stop that. */
  onChange<N extends DirectiveName>(name: N, hook: ApplyHook<ConfigValue<N>>): () => void {
    const hooks = this.hooks.get(name) ?? [];
    this.hooks.set(name, hooks);
    const entry: ApplyHook<unknown> = (value, previous) => hook(value as ConfigValue<N>, previous as ConfigValue<N>);
    hooks.push(entry);
    return () => {
      const at = hooks.indexOf(entry);
      if (at >= 0) hooks.splice(at, 1);
    };
  }

  /**
   * At start: takes lines of redis.conf or the command line, immutable directives too, without calling hooks. Returns
   * warnings about directives that mean nothing here.
   */
  load(lines: readonly ConfigLine[]): string[] {
    const next: Partial<Record<DirectiveName, unknown>> = {};
    const warnings: string[] = [];
    for (const line of lines) {
      const [word = '', ...args] = line.words;
      const name = findDirective(word);
      if (name === null) warnings.push(...foreignLine(line));
      else next[name] = this.loadedValue(name, args, line, next);
    }
    this.values = { ...this.values, ...next } as ConfigValues;
    return warnings;
  }

  /** At start: takes TypeScript options. */
  loadOptions(options: ConfigOptions): void {
    const next: Partial<Record<DirectiveName, unknown>> = {};
    for (const [option, value] of Object.entries(options)) {
      if (value === undefined) continue;
      const name = fromOptionName(option);
      if (name === null) throw new AofError('AOF_CONFIG', `option '${option}' does not exist`);
      const parsed = this.parse(name, [optionText(name, value)], this.values[name]);
      if (parsed instanceof Refusal) {
        throw new AofError('AOF_CONFIG', `option '${option}' is ${JSON.stringify(value)}: ${parsed.reason}`);
      }
      next[name] = parsed;
    }
    this.values = { ...this.values, ...next } as ConfigValues;
  }

  private loadedValue(
    name: DirectiveName,
    args: readonly string[],
    line: ConfigLine,
    loaded: Readonly<Partial<Record<DirectiveName, unknown>>>,
  ): unknown {
    const { kind } = directiveOf(name);
    const isFirst = !(name in loaded);
    const earlier = isFirst ? this.values[name] : loaded[name];
    const value = this.parse(name, args, earlier);
    if (value instanceof Refusal) throw configLineError(line, value.reason);
    return isFirst || kind.accumulate === undefined ? value : kind.accumulate(earlier, value);
  }

  private parsePairs(pairs: ReadonlyArray<readonly [string, string]>, origin: SetOrigin): Map<DirectiveName, unknown> {
    const next = new Map<DirectiveName, unknown>();
    // Names before values: an unknown one must be found before anything else is complained about.
    for (const [given] of pairs) {
      const name = findDirective(given);
      if (name === null) {
        throw new AofError('AOF_CONFIG', `Unknown option or number of arguments for CONFIG SET - '${given}'`);
      }
      const obstacle = this.obstacleTo(name, origin) ?? (next.has(name) ? 'duplicate parameter' : null);
      if (obstacle !== null) throw setError(given, obstacle);
      next.set(name, undefined);
    }
    for (const [given, text] of pairs) {
      const name = findDirective(given);
      if (name === null) continue;
      const value = this.parse(name, [text], this.values[name]);
      if (value instanceof Refusal) throw setError(given, value.reason);
      next.set(name, value);
    }
    return next;
  }

  private obstacleTo(name: DirectiveName, origin: SetOrigin): string | null {
    const { mutability } = directiveOf(name);
    if (mutability === 'immutable') return "can't set immutable config";
    if (mutability === 'mutable') return null;
    const allowed = this.value('enable-protected-configs');
    return allowed === 'yes' || (allowed === 'local' && origin.isLocal) ? null : "can't set protected config";
  }

  private parse(name: DirectiveName, args: readonly string[], current: unknown): unknown {
    const { kind } = directiveOf(name);
    const [only] = args;
    if (!kind.isMultiWord) return args.length === 1 ? kind.parse(args, current) : new Refusal('wrong number of arguments');
    if (only === undefined) return new Refusal('wrong number of arguments');
    // One text with blanks stands for its words, single blanks between them; an empty one stays, for there it means none.
    const words = args.length === 1 && only !== '' ? only.split(' ') : args;
    return kind.parse(words, current);
  }

  private isChanged(name: DirectiveName, value: unknown): boolean {
    const { kind } = directiveOf(name);
    return kind.format(value) !== kind.format(this.values[name]);
  }

  /** Runs the hooks of these directives in order; takes everything back when one refuses. */
  private apply(names: readonly DirectiveName[], previous: ConfigValues): void | Promise<void> {
    const steps = names.flatMap((name) => (this.hooks.get(name) ?? []).map((hook) => ({ name, hook })));
    const next = this.values;
    const run = (from: number): void | Promise<void> => {
      for (let i = from; i < steps.length; i++) {
        const step = steps[i];
        if (step === undefined) break;
        const refuse = (error: unknown) => this.takeBack(steps.slice(0, i), next, previous, step.name, error);
        try {
          const waiting = step.hook(next[step.name], previous[step.name]);
          if (waiting instanceof Promise) return waiting.then(() => run(i + 1), refuse);
        } catch (error) {
          return refuse(error);
        }
      }
    };
    return run(0);
  }

  /** Always ends in an error. One that hooks meet on the way back goes into its cause. */
  private takeBack(
    done: ReadonlyArray<{ name: DirectiveName; hook: ApplyHook<unknown> }>,
    next: ConfigValues,
    previous: ConfigValues,
    refused: DirectiveName,
    error: unknown,
  ): never | Promise<never> {
    this.values = previous;
    const causes = [error];
    const waiting: Array<Promise<void>> = [];
    for (const { name, hook } of done) {
      try {
        const result = hook(previous[name], next[name]);
        if (result instanceof Promise) waiting.push(result.catch((failure: unknown) => void causes.push(failure)));
      } catch (failure) {
        causes.push(failure);
      }
    }
    const fail = (): never => {
      const cause =
        causes.length === 1 ? error : new AggregateError(causes, 'a refused CONFIG SET could not be taken back wholly');
      throw setError(refused, error instanceof Error ? error.message : String(error), cause);
    };
    return waiting.length === 0 ? fail() : Promise.all(waiting).then(fail);
  }
}

function setError(name: string, reason: string, cause?: unknown): AofError {
  return new AofError('AOF_CONFIG', `CONFIG SET failed (possibly related to argument '${name}') - ${reason}`, { cause });
}

/** Warnings for a line whose directive is not ours. */
function foreignLine(line: ConfigLine): string[] {
  const foreign = foreignDirective(line.words);
  if (foreign === null) throw configLineError(line, 'Bad directive or wrong number of arguments');
  if (foreign === 'refused') throw configLineError(line, `${line.words[0]} is not supported here with this value`);
  return [`${line.source}, line ${line.lineNumber}: ${line.words[0]} has no effect here`];
}
