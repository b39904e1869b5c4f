/**
 * Our own store as a host of everysec/testing's suite: over an open log of the backend under test, which sees every record that the suite
 * sees. The clock takes a moment for each look, so that walks of little data pause too.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/backend/load-backend.js';
import { Config } from '../../src/config/config.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { Argv, fillArgv } from '../../src/resp/argv.js';
import { configPortOf } from '../../src/store/config-port.js';
import { embeddedPort } from '../../src/store/embedded-port.js';
import { createSession, ErrorOnlyReply } from '../../src/store/loader-session.js';
import { Store } from '../../src/store/store.js';
import { type HostLog, type HostUnderTest, hostConformance } from '../../src/testing.js';
import { backendUnderTest } from '../support/everysec-server.js';
import { randomCommand } from '../support/random-load.js';
import { dataOf } from '../support/rewrite-rig.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';

const seed = testSeed();
const LOOK_MS = 0.1;
/** Records that the suite was told of; a run in which none came would prove nothing. */
let recorded = 0;

afterEach(removeTempDirs);

async function storeOf(log: HostLog): Promise<HostUnderTest> {
  const nodeEnv = createNodeEnv();
  let nowMs = nodeEnv.clock.monotonicMs();
  const clock = { unixMs: () => nodeEnv.clock.unixMs(), monotonicMs: () => (nowMs += LOOK_MS) };
  const env = { ...nodeEnv, clock };
  const config = Config.fromOptions({ dir: tempDir('host'), appendonly: true, appendfsync: 'no', hz: 1 });
  const store = new Store({
    env,
    config,
    backend: await loadBackend(env, backendUnderTest()),
    random: () => 0.5,
    usedMemory: () => 0,
  });
  store.attach(embeddedPort(store, configPortOf(config), env));
  await store.open();
  record(store, log);
  const session = createSession(1, 'embedded', env.clock.unixMs());
  const reply = new ErrorOnlyReply();
  return {
    host: store,
    write(random) {
      const commands = new Random(1 + random.below(0x7ffffffe));
      const load = { steps: 1, nowMs: 1_900_000_000_000, hasShortTimes: false };
      const command = random.chance(0.4) ? ['SET', random.key(), random.value()] : randomCommand(commands, load);
      store.execute(session, fillArgv(new Argv(), command.map(bytesOf)), reply);
    },
    dump: () => dataOf(store),
    close: () => store.close(),
  };
}

/** What the store hands to its log goes to the suite's too. */
function record(store: Store, log: HostLog): void {
  const { propagator } = store.engine;
  if (propagator === null) throw new Error('the log is not open');
  const appendView = propagator.appendView.bind(propagator);
  const appendUnit = propagator.appendUnit.bind(propagator);
  let isInUnit = false;
  propagator.appendView = (db, argv) => {
    if (!isInUnit) recorded = Math.max(recorded, log.append(db, ...argv.views()));
    return appendView(db, argv);
  };
  propagator.appendUnit = (effects) => {
    // Of several databases, but one execution unit all the same: the suite's unit() has one database.
    for (const { db, argv, parts } of effects) recorded = Math.max(recorded, log.append(db, ...(argv?.views() ?? parts ?? [])));
    isInUnit = true;
    try {
      return appendUnit(effects);
    } finally {
      isInUnit = false;
    }
  };
}

function bytesOf(part: string | Uint8Array): Uint8Array {
  return typeof part === 'string' ? Buffer.from(part, 'latin1') : part;
}

describe(`the embedded store as a host, backend ${backendUnderTest()}, seed ${seed}`, () => {
  for (const { name, run } of hostConformance({ create: storeOf, seed, runs: sized(5, 200) })) it(name, run, 60_000);

  it('the suite has seen its log', () => expect(recorded).toBeGreaterThan(100));
});
