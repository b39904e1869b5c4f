/** One command as COMMAND DOCS shows it. */
import type { Reply } from '../reply.js';
import type { CommandSpec } from '../spec.js';

export function replyCommandDocs(reply: Reply, spec: CommandSpec): void {
  const subcommands = spec.subcommands ?? [];
  reply.map(subcommands.length > 0 ? 4 : 3);
  reply.bulk('summary');
  reply.bulk(spec.summary);
  reply.bulk('since');
  reply.bulk(spec.since);
  reply.bulk('group');
  reply.bulk(spec.group);
  if (subcommands.length === 0) return;
  reply.bulk('subcommands');
  reply.map(subcommands.length);
  for (const sub of subcommands) {
    reply.bulk(sub.name);
    replyCommandDocs(reply, sub);
  }
}
