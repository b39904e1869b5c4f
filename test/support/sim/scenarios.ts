/** What engines do to disks, one scenario per kind: appends under each policy, units, rolls, starts and ends. */
import type { ConfigOptions } from '../../../src/config/option-names.js';
import type { Command } from './engine-life.js';
import { Image } from './image.js';
import type { SimFiles } from './sim-files.js';
import type { Scenario, Workload } from './workload.js';

/** Beyond one memory block of the log. */
const HUGE_VALUE = 45_000;

/** A log that is open and holds something; what follows is enumerated. */
async function begun(workload: Workload): Promise<void> {
  await workload.open();
  for (let i = 0; i < 3; i++) workload.append(20);
  await settled(workload);
  workload.begin();
}

async function settled(workload: Workload): Promise<void> {
  if (!workload.isAwaiting) workload.awaitSynced();
  await workload.quiet();
}

/** Appends in bursts, some awaited, some on top of what is under way. */
async function appends(workload: Workload, count: number, unitsToo = false): Promise<void> {
  const { random } = workload;
  for (let i = 0; i < count; i++) {
    workload.append(random.logBetween(1, 3000), unitsToo && random.chance(0.6) ? random.between(2, 5) : 1);
    await workload.turns(random.below(4));
    if (random.chance(0.2)) await workload.quiet();
  }
}

/** Faults, appends into them, and the end of the trouble. */
async function troubled(workload: Workload, fault: (files: SimFiles) => void): Promise<void> {
  await begun(workload);
  fault(workload.files);
  workload.append(200, 2);
  await workload.turns(2);
  workload.append(50);
  await workload.quiet();
  workload.append(1000);
  await workload.quiet(() => workload.isAllAcked && workload.engine.state === 'ready');
  await workload.pass(500);
  workload.append(30);
  await workload.quiet();
}

const oldFile = (commands: readonly Command[]): Image => Image.of({ '/data/appendonly.aof': resp(commands) });

function resp(commands: readonly Command[]): string {
  const record = (...argv: string[]) => `*${argv.length}\r\n${argv.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`;
  return commands.map(([db, ...argv]) => record('SELECT', `${db}`) + record(...argv)).join('');
}

const OLD: readonly Command[] = [
  [0, 'SET', 'old', '1'],
  [2, 'SET', 'older', 'x'.repeat(700)],
  [0, 'RPUSH', 'list', 'a', 'b'],
];

export function scenarios(shared: ConfigOptions): Scenario[] {
  const always: ConfigOptions = { ...shared, appendfsync: 'always' };
  const everysec: ConfigOptions = { ...shared, appendfsync: 'everysec' };
  const no: ConfigOptions = { ...shared, appendfsync: 'no' };
  const roll = (name: string, fault: (files: SimFiles) => void, config = always): Scenario => ({
    name,
    config,
    run: (workload) => troubled(workload, fault),
  });
  return [
    {
      name: 'a first start',
      config: always,
      run: async (workload) => {
        workload.begin();
        await workload.open();
        await appends(workload, 2);
        await workload.quiet();
      },
    },
    {
      name: 'appends under always',
      config: always,
      run: async (workload) => {
        await begun(workload);
        await appends(workload, 14);
        await workload.quiet();
      },
    },
    {
      name: 'appends under everysec',
      config: everysec,
      run: async (workload) => {
        workload.isAwaiting = false;
        await begun(workload);
        for (let second = 0; second < 3; second++) {
          await appends(workload, 6);
          if (second === 1) workload.awaitSynced();
          await workload.pass(1100);
        }
        // Long enough for an idle mark.
        await workload.pass(6000);
        await appends(workload, 2);
        await workload.pass(1100);
      },
    },
    {
      name: 'appends under no',
      config: no,
      run: async (workload) => {
        workload.isAwaiting = false;
        await begun(workload);
        await appends(workload, 8);
        workload.awaitSynced();
        await workload.quiet();
        await appends(workload, 5);
      },
    },
    {
      name: 'units',
      config: always,
      run: async (workload) => {
        await begun(workload);
        await appends(workload, 12, true);
        await workload.quiet();
      },
    },
    {
      name: 'a unit over several blocks',
      config: always,
      run: async (workload) => {
        await begun(workload);
        workload.append(20);
        workload.append(HUGE_VALUE, 14);
        workload.append(20);
        await workload.quiet();
      },
    },
    roll('a roll: fdatasync fails once', (files) => files.failNext(/^datasync .*incr/, 'EIO')),
    roll('a roll: fdatasync fails three times', (files) => files.failNext(/^datasync .*incr/, 'EIO', { times: 3 })),
    roll('a roll: fdatasync fails with ENOSPC under everysec', (files) => files.failNext(/^datasync .*incr/, 'ENOSPC'), everysec),
    roll('a roll: fdatasync fails although it wrote', (files) =>
      files.failNext(/^datasync .*incr/, 'EIO', { happensFirst: true }),
    ),
    roll('a roll: a write fails with EIO', (files) => files.failNext(/^write .*incr/, 'EIO')),
    roll('a roll: a write fails with EIO after a part', (files) => files.failNext(/^write .*incr/, { code: 'EIO', bytes: 70 })),
    roll('a full disk heals', (files) => {
      files.failNext(/^write .*incr/, { bytes: 90 });
      files.failNext(/^write .*incr/, 'ENOSPC', { times: 3 });
      files.failNext(/^write .*incr/, { bytes: 30 });
      files.failNext(/^write .*incr/, 'ENOSPC', { times: 2 });
    }),
    roll('a roll: the manifest cannot be switched at first', (files) => {
      files.failNext(/^datasync .*incr/, 'EIO');
      files.failNext(/^rename .*manifest/, 'EIO');
      files.failNext(/^rename .*manifest/, 'EIO', { happensFirst: true });
    }),
    roll('a roll: the directory cannot be synced at first', (files) => {
      files.failNext(/^datasync .*incr/, 'EIO');
      files.failNext(/^syncDirectory/, 'EIO', { times: 4 });
    }),
    roll('a roll: the old segment cannot be cut at first', (files) => {
      files.failNext(/^datasync .*incr/, 'EIO');
      files.failNext(/^truncate/, 'EIO');
    }),
    {
      name: 'a roll with a second one behind it',
      config: always,
      run: async (workload) => {
        await troubled(workload, (files) => files.failNext(/^datasync .*incr/, 'EIO'));
        workload.files.failNext(/^datasync .*incr/, 'EIO');
        workload.append(40, 3);
        await workload.quiet();
        await workload.pass(500);
      },
    },
    {
      name: 'an old single file is upgraded',
      config: always,
      initial: oldFile(OLD),
      units: OLD.map((command) => [command]),
      run: async (workload) => {
        workload.begin();
        await workload.open();
        await appends(workload, 2);
        await workload.quiet();
      },
    },
    {
      name: 'appendonly is switched on',
      config: { ...always, appendonly: false },
      data: OLD,
      run: async (workload) => {
        await workload.open();
        workload.begin();
        await workload.enable(3);
        await appends(workload, 4);
        await workload.quiet();
      },
    },
    {
      name: 'a clean close, a start, appends',
      config: everysec,
      run: async (workload) => {
        await begun(workload);
        await appends(workload, 3);
        await workload.restart('closed');
        await appends(workload, 3);
        await workload.quiet();
      },
    },
    {
      name: 'the lock of a killed process is taken over',
      config: always,
      run: async (workload) => {
        await begun(workload);
        await appends(workload, 3);
        // What was not written yet would be gone with the process.
        await workload.quiet();
        await workload.restart('killed');
        await appends(workload, 3);
        await workload.quiet();
      },
    },
  ];
}
