/** The log for people: Redis's lines, on standard output or at the end of a file that may be moved away meanwhile. */
import { appendFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from '../config/config.js';
import type { Clock, Logger } from '../env/env.js';
import { createLineLogger } from '../env/node-logger.js';

/** Follows CONFIG SET loglevel. A relative logfile is one of `dir`, where redis-server has changed to when it opens it. */
export function createServerLog(config: Config, clock: Clock): Logger {
  const write = lineWriter(config);
  let logger = createLineLogger(clock, config.value('loglevel'), write);
  config.onChange('loglevel', (level) => {
    logger = createLineLogger(clock, level, write);
  });
  return { log: (level, message) => logger.log(level, message) };
}

function lineWriter(config: Config): (line: string) => void {
  const logfile = config.value('logfile');
  if (logfile === '') return (line) => void process.stdout.write(line);
  const path = resolve(config.value('dir'), logfile);
  // The first line tells whether it can be written at all.
  appendFileSync(path, '');
  return (line) => {
    try {
      appendFileSync(path, line);
    } catch {
      process.stderr.write(line);
    }
  };
}
