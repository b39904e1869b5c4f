/** COMMAND GETKEYS: which arguments of a full command are keys. */
import type { Argv } from '../../resp/argv.js';
import { ANY_TIME, CONNECTION_CATEGORIES } from '../admin-flags.js';
import { parseInt64 } from '../arguments.js';
import { CommandError, type CommandSpec } from '../spec.js';

export const commandGetkeys: CommandSpec = {
  name: 'command|getkeys',
  arity: -4,
  flags: ANY_TIME,
  keys: null,
  categories: CONNECTION_CATEGORIES,
  summary: 'Tells the keys of a full command.',
  since: '2.8.13',
  group: 'server',
  showsNoData: true,
  execute({ argv, server, reply }) {
    const spec = findCommand(argv, (name) => server.commands.find(name));
    if (spec === null) throw new CommandError('ERR Invalid command specified');
    const isMovable = spec.flags.includes('movablekeys');
    if (spec.keys === null && !isMovable) throw new CommandError('ERR The command has no key arguments');
    const argc = argv.argc - 2;
    if (spec.arity >= 0 ? argc !== spec.arity : argc < -spec.arity) {
      throw new CommandError('ERR Invalid number of arguments specified for command');
    }
    const keys = isMovable ? movableKeys(spec.name, argv) : fixedKeys(spec, argv);
    if (keys.length === 0) throw new CommandError('ERR Invalid arguments specified for command');
    reply.array(keys.length);
    for (const i of keys) reply.bulkRange(argv.bytes, argv.start(i), argv.end(i));
  },
};

/** Indexes into `argv`, whose command begins at argument 2. */
function fixedKeys({ keys }: CommandSpec, argv: Argv): number[] {
  if (keys === null) return [];
  const last = keys.last >= 0 ? keys.last + 2 : argv.argc + keys.last;
  const found: number[] = [];
  for (let i = keys.first + 2; i <= last && i < argv.argc; i += keys.step) found.push(i);
  return found;
}

/** Where the number of keys stands, for commands that say it; the keys follow it. */
const NUMKEYS_AT: Readonly<Record<string, number>> = {
  zunionstore: 2,
  zinterstore: 2,
  zdiffstore: 2,
  zunion: 1,
  zinter: 1,
  zdiff: 1,
  zintercard: 1,
  sintercard: 1,
  lmpop: 1,
  zmpop: 1,
  blmpop: 2,
  bzmpop: 2,
};

function movableKeys(name: string, argv: Argv): number[] {
  const at = NUMKEYS_AT[name];
  if (at !== undefined) {
    const count = Number(parseInt64(argv.bytes, argv.start(at + 2), argv.end(at + 2)) ?? 0);
    const first = at + 3;
    if (count < 1 || first + count > argv.argc) return [];
    const keys = Array.from({ length: count }, (_, i) => first + i);
    return name.endsWith('store') ? [3, ...keys] : keys;
  }
  if (name === 'xread' || name === 'xreadgroup') {
    for (let i = 3; i < argv.argc; i++) {
      if (!argv.is(i, 'STREAMS')) continue;
      const count = (argv.argc - i - 1) / 2;
      return Number.isInteger(count) ? Array.from({ length: count }, (_, k) => i + 1 + k) : [];
    }
    return [];
  }
  // SORT, GEORADIUS and the like: the first key, and the one behind STORE.
  const keys = [3];
  for (let i = 4; i + 1 < argv.argc; i++) if (argv.is(i, 'STORE') || argv.is(i, 'STOREDIST')) keys.push(++i);
  return keys;
}

function findCommand(argv: Argv, find: (name: string) => CommandSpec | null): CommandSpec | null {
  const spec = find(argv.latin1(2).toLowerCase());
  if (spec?.subcommands === undefined || argv.argc < 4) return spec;
  return find(`${spec.name}|${argv.latin1(3).toLowerCase()}`);
}
