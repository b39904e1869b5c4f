import { matchGlob } from '../../resp/glob.js';
import { ANY_TIME, CONNECTION_CATEGORIES } from '../admin-flags.js';
import { SYNTAX_ERROR } from '../arguments.js';
import { type CommandContext, CommandError, type CommandSpec } from '../spec.js';

export const commandList: CommandSpec = {
  name: 'command|list',
  arity: -2,
  flags: ANY_TIME,
  keys: null,
  categories: CONNECTION_CATEGORIES,
  summary: 'Lists the names of the commands.',
  since: '7.0.0',
  group: 'server',
  showsNoData: true,
  execute(ctx) {
    const isWanted = readFilter(ctx);
    const names: string[] = [];
    const add = (spec: CommandSpec) => {
      if (isWanted(spec)) names.push(spec.name);
      for (const sub of spec.subcommands ?? []) add(sub);
    };
    // Without a filter Redis lists top-level commands only.
    if (ctx.argv.argc === 2) for (const spec of ctx.server.commands.list()) names.push(spec.name);
    else for (const spec of ctx.server.commands.list()) add(spec);
    ctx.reply.array(names.length);
    for (const name of names) ctx.reply.bulk(name);
  },
};

function readFilter({ argv }: CommandContext): (spec: CommandSpec) => boolean {
  if (argv.argc === 2) return () => true;
  if (argv.argc !== 5 || !argv.is(2, 'FILTERBY')) throw new CommandError(SYNTAX_ERROR);
  if (argv.is(3, 'MODULE')) return () => false;
  if (argv.is(3, 'ACLCAT')) {
    const category = `@${argv.text(4).toLowerCase()}`;
    return (spec) => spec.categories.includes(category);
  }
  if (argv.is(3, 'PATTERN')) {
    const pattern = argv.copy(4);
    return (spec) => matchGlob(pattern, Buffer.from(spec.name), 0, spec.name.length, true);
  }
  throw new CommandError(SYNTAX_ERROR);
}
