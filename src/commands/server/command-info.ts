/** One command as COMMAND INFO shows it: ten fields, sub-commands nested. */
import type { Reply } from '../reply.js';
import type { CommandSpec } from '../spec.js';

export function replyCommandInfo(reply: Reply, spec: CommandSpec): void {
  reply.array(10);
  reply.bulk(spec.name);
  reply.integer(spec.arity);
  reply.set(spec.flags.length);
  for (const flag of spec.flags) reply.simple(flag);
  reply.integer(spec.keys?.first ?? 0);
  reply.integer(spec.keys?.last ?? 0);
  reply.integer(spec.keys?.step ?? 0);
  reply.set(spec.categories.length);
  for (const category of spec.categories) reply.simple(category);
  reply.set(0);
  replyKeySpecs(reply, spec);
  const subcommands = spec.subcommands ?? [];
  reply.set(subcommands.length);
  for (const sub of subcommands) replyCommandInfo(reply, sub);
}

/** The key positions once more, in Redis 7's own form. */
function replyKeySpecs(reply: Reply, spec: CommandSpec): void {
  if (spec.keys === null) {
    reply.set(0);
    return;
  }
  const { first, last, step } = spec.keys;
  reply.set(1);
  reply.map(3);
  reply.bulk('flags');
  reply.set(2);
  const isWrite = spec.flags.includes('write');
  reply.simple(isWrite ? 'RW' : 'RO');
  reply.simple(isWrite ? 'update' : 'access');
  reply.bulk('begin_search');
  reply.map(2);
  reply.bulk('type');
  reply.bulk('index');
  reply.bulk('spec');
  reply.map(1);
  reply.bulk('index');
  reply.integer(first);
  reply.bulk('find_keys');
  reply.map(2);
  reply.bulk('type');
  reply.bulk('range');
  reply.bulk('spec');
  reply.map(3);
  reply.bulk('lastkey');
  // Relative to the first key; negative stays: from the end.
  reply.integer(last >= 0 ? last - first : last);
  reply.bulk('keystep');
  reply.integer(step);
  reply.bulk('limit');
  reply.integer(0);
}
