/** Flags and categories that most administrative commands share, as COMMAND INFO prints them; and their way to answer HELP. */
import type { Reply } from './reply.js';
import type { CommandFlag, CommandSpec } from './spec.js';

export const ADMIN: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];
export const ADMIN_CATEGORIES = ['@admin', '@slow', '@dangerous'] as const;
/** Before authentication, while loading, in any state. */
export const ALWAYS: readonly CommandFlag[] = ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy'];
export const ANY_TIME: readonly CommandFlag[] = ['loading', 'stale'];
export const CONNECTION: readonly CommandFlag[] = ['noscript', 'loading', 'stale'];
export const CONNECTION_CATEGORIES = ['@slow', '@connection'] as const;
export const ADMIN_CONNECTION_CATEGORIES = ['@admin', '@slow', '@dangerous', '@connection'] as const;

/** `CONTAINER HELP`: a first line as Redis has it, the lines, and HELP itself. */
export function helpCommand(container: string, group: string, since: string, lines: readonly string[]): CommandSpec {
  return {
    name: `${container}|help`,
    arity: 2,
    flags: ANY_TIME,
    keys: null,
    categories: group === 'connection' || container === 'command' ? CONNECTION_CATEGORIES : ['@slow'],
    summary: 'Lists the sub-commands.',
    since,
    group,
    showsNoData: true,
    execute: ({ reply }) => replyHelp(reply, container, lines),
  };
}

export function replyHelp(reply: Reply, container: string, lines: readonly string[]): void {
  reply.array(lines.length + 3);
  reply.simple(`${container.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`);
  for (const line of lines) reply.simple(line);
  reply.simple('HELP');
  reply.simple('    Prints this help.');
}

/** What a container without a form of its own runs: never, dispatch looks for the sub-command. */
export function neverExecuted(): void {
  throw new Error('a container is never executed');
}
