/** Config as administrative commands see it: Redis's error replies. */
import type { ConfigPort } from '../commands/server-port.js';
import { CommandError } from '../commands/spec.js';
import type { Config } from '../config/config.js';
import { AofError } from '../errors.js';

export function configPortOf(config: Config): ConfigPort {
  return {
    get: (patterns) => config.get(patterns),
    set: (pairs) => {
      try {
        return config.set(pairs)?.catch(rethrow);
      } catch (error) {
        return rethrow(error);
      }
    },
    rewrite: () => {
      throw new CommandError('ERR The server is running without a config file');
    },
    value: (name) => {
      const text = config.text(name);
      if (text === null) throw new TypeError(`no directive is named ${name}`);
      return text;
    },
  };
}

function rethrow(error: unknown): never {
  if (error instanceof AofError) throw new CommandError(`ERR ${error.message}`);
  throw error;
}
