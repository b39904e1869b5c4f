/** ctx.server of an embedded store: it answers what it can and refuses the rest, which needs a server around it. */
import type { ConfigPort, ServerPort } from '../commands/server-port.js';
import { CommandError } from '../commands/spec.js';
import type { Env } from '../env/env.js';
import type { Store } from './store.js';
import { storeInfoText } from './store-info.js';

export function embeddedPort(store: Store, config: ConfigPort, env: Env): ServerPort {
  const refuse = (): never => {
    throw new CommandError('ERR this command needs a server, and this store is embedded');
  };
  return {
    config,
    get persistence() {
      return store.persistence;
    },
    clients: {
      list: () => [],
      kill: () => false,
      unblock: () => false,
      pause: refuse,
      unpause: refuse,
      describe: (session) => `id=${session.id} name=${session.name} db=${session.db}`,
    },
    latency: store.latency,
    commands: store.commands,
    info: (sections) => storeInfoText(sections, (section) => store.infoFields(section)),
    resetStatistics: () => store.resetStatistics(),
    shutdown: async () => refuse(),
    authenticate: () => true,
    isPasswordRequired: false,
    setActiveExpire: (on) => store.setActiveExpire(on),
    delay: (ms) => new Promise((resolve) => void env.timers.after(ms, resolve)),
    blockFor: refuse,
    unixMicros: () => Math.floor(env.clock.unixMs() * 1000),
  };
}
