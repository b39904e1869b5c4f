/**
 * `everysec serve`: the bundled server as a process. It listens first and loads then, so that clients are told LOADING;
 * SIGTERM and SIGINT flush, sync and close; a second SIGINT ends it at once.
 */
import { rmSync, writeFileSync } from 'node:fs';
import type { Env } from '../env/env.js';
import { createNodeEnv } from '../env/node-env.js';
import { AofError } from '../errors.js';
import { type ComposedServer, composeServer } from '../server/compose-server.js';
import { REDIS_VERSION } from '../server/info.js';
import type { CliCommand } from './cli-command.js';
import { type DiskTrouble, lastWords } from './exit-on-disk-error.js';
import { packageVersion } from './package-version.js';
import { type ReadConfig, readConfig } from './read-config.js';
import { createServerLog } from './server-log.js';

const HELP = `usage: everysec serve [redis.conf | -] [--directive value ...]

Runs a Redis-compatible server on the files of Redis's append only file. Takes the directives of redis.conf, in a file (- for
standard input), on the command line, or both; the command line wins. appendonly is yes unless told otherwise.

  everysec serve --port 7001 --dir ./data
  everysec serve /etc/redis/redis.conf --appendfsync always
`;

export const serveCommand: CliCommand = {
  name: 'serve',
  summary: 'run the server: [redis.conf] [--directive value ...]',
  async run(argv) {
    if (argv.includes('--help') || argv.includes('-h')) {
      process.stdout.write(HELP);
      return 0;
    }
    let read: ReadConfig;
    let env: Env;
    try {
      read = readConfig(argv);
      env = createNodeEnv({ logger: createServerLog(read.config, createNodeEnv().clock) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      process.stderr.write(`\n*** FATAL CONFIG FILE ERROR (everysec ${packageVersion()}) ***\n${message}\n`);
      return 1;
    }
    return serve(read, env);
  },
};

/** Resolves to the exit code when the server has ended. */
async function serve(read: ReadConfig, env: Env): Promise<number> {
  const { config, configFile, warnings } = read;
  const version = packageVersion();
  const log = (level: 'notice' | 'warning', message: string) => env.logger.log(level, message);
  log(
    'warning',
    `everysec is starting: version ${version} (speaks Redis ${REDIS_VERSION}), pid ${process.pid}, node ${process.versions.node}`,
  );
  for (const warning of warnings) log('warning', warning);

  let end: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    end = resolve;
  });
  let composed: ComposedServer | null = null;
  // From the first moment on: what is there by then is closed, and what is not never begins.
  const signals = handleSignals(() => composed, log, end);
  try {
    composed = await composeServer({ config, env, version, configFile, onShutdown: () => end(0) });
    await composed.server.listen();
  } catch (error) {
    signals.remove();
    log('warning', `Failed to start: ${messageOf(error)}`);
    return 1;
  }
  const { server, store } = composed;
  const onTrouble = (trouble: DiskTrouble): void => {
    const words = lastWords(trouble, config.value('on-disk-error'), config.value('appendfsync'));
    if (words === null) return;
    log('warning', words);
    // At once, as Redis does: closing would wait for that disk.
    end(1);
  };
  store.engine.on('degraded', (error) => onTrouble({ state: 'degraded', error }));
  store.engine.on('failed', (error) => onTrouble({ state: 'failed', error }));
  const removePidFile = writePidFile(config.value('pidfile'), log);
  log('notice', `Running mode=standalone, port=${server.port}.`);
  log('warning', 'Server initialized');
  if (!signals.isEnding) load(store, server, log, end);
  const code = await ended;
  signals.remove();
  removePidFile();
  log('warning', 'everysec is now ready to exit, bye bye...');
  // Nothing of ours is open any more; what a dependency may hold must not keep the process.
  process.exitCode = code;
  setImmediate(() => process.exit(code));
  return code;
}

/** Ends the process, after closing everything, when the data cannot be had. */
function load(store: ComposedServer['store'], server: ComposedServer['server'], log: Log, end: (code: number) => void): void {
  store.open().then(
    () => log('notice', 'Ready to accept connections'),
    (error: unknown) => {
      const isAborted = error instanceof AofError && error.code === 'AOF_ABORTED';
      if (!isAborted) log('warning', `Fatal error loading the DB: ${messageOf(error)}. Exiting.`);
      const ended = () => end(isAborted ? 0 : 1);
      server.close().then(ended, ended);
    },
  );
}

type Log = (level: 'notice' | 'warning', message: string) => void;

interface Signals {
  readonly isEnding: boolean;
  remove(): void;
}

function handleSignals(composed: () => ComposedServer | null, log: Log, end: (code: number) => void): Signals {
  let isEnding = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isEnding) {
      if (signal !== 'SIGINT') return;
      log('warning', 'You insist... exiting now.');
      process.exit(1);
    }
    isEnding = true;
    log('warning', `Received ${signal} scheduling shutdown...`);
    log('warning', 'User requested shutdown...');
    (composed()?.server.close() ?? Promise.resolve()).then(
      () => end(0),
      (error: unknown) => {
        log('warning', `Errors while shutting down: ${messageOf(error)}`);
        end(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  return {
    get isEnding() {
      return isEnding;
    },
    remove() {
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
    },
  };
}

/** A pid file that cannot be written is no reason not to serve; Redis thinks so too. */
function writePidFile(path: string, log: Log): () => void {
  if (path === '') return () => {};
  try {
    writeFileSync(path, `${process.pid}\n`);
  } catch (error) {
    log('warning', `Failed to write PID file: ${messageOf(error)}`);
    return () => {};
  }
  return () => rmSync(path, { force: true });
}

/** With the stable code behind an AofError's text: docs/errors.md is looked up by it. */
function messageOf(error: unknown): string {
  if (error instanceof AofError) return `${error.message} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
}
