/**
 * Opening what a crash left, with a fresh engine: what it loads, that it takes and keeps one command more, and that a crash while it
 * recovers changes nothing. Over simulated files with the TypeScript backend; recover-native.ts does the same on real ones.
 */
import type { ConfigOptions } from '../../../src/config/option-names.js';
import type { Random } from '../seeded-random.js';
import { shuffled } from './crash-states.js';
import type { Disk } from './disk.js';
import { EngineLife, textOf } from './engine-life.js';
import type { Image } from './image.js';
import { SimFiles } from './sim-files.js';

export interface Recovered {
  /** What the host was given, in order. */
  readonly commands: readonly string[];
  /** Where the log goes on. */
  readonly lsn: number;
  /** Images that a power loss during the recovery would have left; each was opened as well. */
  readonly nested: number;
}

export interface RecoverOptions {
  readonly config: ConfigOptions;
  readonly random: Random;
  /** How many crash states of each of the recovery's own operations are looked at; 0: one of one operation. */
  readonly nestedPerOperation: number;
  readonly isOrdered: boolean;
  /** Images looked at so far; those from the middle of recoveries are opened once. */
  readonly seen: Set<string>;
}

const PROBE = [3, 'SET', 'probe', 'x'] as const;
let boots = 100;

/** After a power loss: everything in the image is durable, so every way through the recovery ends in the same state. */
export async function recoverImage(image: Image, options: RecoverOptions): Promise<Recovered> {
  return recover(SimFiles.afterPowerLoss(image), ++boots, options, (commands, first, where) =>
    sameOrThrow(commands, first, where),
  );
}

/** After a kill: the page cache is still there; a power loss on top of it may take what was never promised. */
export async function recoverKilled(disk: Disk, options: RecoverOptions, leastCommands: number): Promise<Recovered> {
  return recover(SimFiles.over(disk.clone()), 1, options, (commands, first, where) => {
    const isPrefix = commands.length >= leastCommands && commands.every((command, i) => command === first[i]);
    if (!isPrefix) throw new Error(`${where}: ${difference(commands, first)}; at least ${leastCommands} were promised`);
  });
}

async function recover(
  files: SimFiles,
  boot: number,
  options: RecoverOptions,
  judge: (commands: readonly string[], first: readonly string[], where: string) => void,
): Promise<Recovered> {
  const nested: Array<{ image: Image; how: string }> = [];
  let effects = 0;
  files.onEffect = ({ op }) => {
    if (op === 'mark' || op === 'begin' || op === 'open') return;
    effects++;
    const how = `power loss after the recovery's operation ${files.operations.length - 1} (${files.operations.at(-1)})`;
    if (options.nestedPerOperation > 0) {
      const imagesMax = options.nestedPerOperation;
      const { isOrdered } = options;
      for (const image of files.crashStates({ seed: options.random.below(1 << 20), imagesMax, isOrdered }))
        nested.push({ image, how });
    } else if (options.random.below(effects) === 0) {
      const [image] = shuffled(
        [...files.crashStates({ seed: options.random.below(1 << 20), imagesMax: 6, isOrdered: options.isOrdered })],
        options.random,
      );
      nested.splice(0);
      if (image !== undefined) nested.push({ image, how });
    }
  };
  const first = await openOn(files, options.config, boot);
  files.onEffect = () => undefined;
  const { commands } = first;
  const lsn = first.engine.appendedLsn;
  // What was loaded counts as synced from here on.
  const opened = leastOf(files);
  await first.finish(first.engine.synced(first.append([PROBE])));
  const withProbe = [...commands, textOf(PROBE)];
  sameOrThrow(await commandsIn(leastOf(files), options.config), withProbe, 'after one more command and a power loss');
  if (!options.seen.has(opened.hash)) {
    options.seen.add(opened.hash);
    sameOrThrow(await commandsIn(opened, options.config), commands, 'after opening and a power loss');
  }
  let count = 0;
  for (const { image, how } of nested) {
    if (options.seen.has(image.hash)) continue;
    options.seen.add(image.hash);
    count++;
    judge(await commandsIn(image, options.config), commands, `${how}\n${image}`);
  }
  return { commands, lsn, nested: count };
}

/** Nothing that is not certain. */
function leastOf(files: SimFiles): Image {
  for (const image of files.crashStates({ imagesMax: 1 })) return image;
  throw new Error('a disk without states');
}

async function commandsIn(image: Image, config: ConfigOptions): Promise<readonly string[]> {
  const life = await openOn(SimFiles.afterPowerLoss(image), config, ++boots);
  return life.commands;
}

/** The engine is left as it stands: its process is killed. */
async function openOn(files: SimFiles, config: ConfigOptions, boot: number): Promise<EngineLife> {
  const life = new EngineLife(files, { ...config, appendonly: true }, boot);
  await life.finish(life.engine.open());
  return life;
}

export function sameOrThrow(commands: readonly string[], expected: readonly string[], where: string): void {
  const isSame = commands.length === expected.length && commands.every((command, i) => command === expected[i]);
  if (!isSame) throw new Error(`${where}: ${difference(commands, expected)}`);
}

export function difference(commands: readonly string[], expected: readonly string[]): string {
  let at = 0;
  while (at < commands.length && commands[at] === expected[at]) at++;
  const show = (command: string | undefined) => (command === undefined ? 'nothing' : JSON.stringify(command.slice(0, 60)));
  return `${commands.length} commands instead of ${expected.length}; at ${at}: ${show(commands[at])} instead of ${show(expected[at])}`;
}
