/** What the server itself reads from the configuration, parsed once per change. */
import type { ConfigPort } from '../commands/server-port.js';
import type { ParserLimits } from './command-parser.js';
import type { OutputLimit } from './reply-stream.js';

export interface ServerSettings {
  /** 0: no TCP where there is a unix socket, else any free port. */
  readonly port: number;
  /** Addresses; one with a leading `-` may be missing on this machine. */
  readonly bind: readonly string[];
  readonly backlog: number;
  /** '': none. */
  readonly unixSocket: string;
  /** Octal mode as a number; 0: as umask has it. */
  readonly unixSocketMode: number;
  /** '': none required. */
  readonly password: string;
  readonly isProtected: boolean;
  readonly maxClients: number;
  /** 0: never. */
  readonly idleMs: number;
  /** 0: off. */
  readonly keepAliveMs: number;
  readonly parser: ParserLimits;
  readonly output: OutputLimit;
  readonly debugCommand: 'no' | 'local' | 'yes';
  /** 0: off. */
  readonly latencyThresholdMs: number;
}

export function readServerSettings(config: Pick<ConfigPort, 'value'>): ServerSettings {
  const text = (name: string) => config.value(name).trim();
  const number = (name: string) => Number(text(name));
  return {
    port: number('port'),
    bind: words(text('bind')),
    backlog: number('tcp-backlog'),
    unixSocket: text('unixsocket'),
    unixSocketMode: Number.parseInt(text('unixsocketperm') || '0', 8),
    password: config.value('requirepass'),
    isProtected: text('protected-mode') === 'yes',
    maxClients: number('maxclients'),
    idleMs: number('timeout') * 1000,
    keepAliveMs: number('tcp-keepalive') * 1000,
    parser: { bulkBytesMax: bytes(text('proto-max-bulk-len')), queryBytesMax: bytes(text('client-query-buffer-limit')) },
    output: normalOutputLimit(text('client-output-buffer-limit')),
    debugCommand: debugCommand(text('enable-debug-command')),
    latencyThresholdMs: number('latency-monitor-threshold'),
  };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '' && word !== '""');
}

function debugCommand(text: string): 'no' | 'local' | 'yes' {
  return text === 'yes' || text === 'local' ? text : 'no';
}

/** The `normal` class out of `normal 0 0 0 replica 256mb 64mb 60 pubsub ...`. */
function normalOutputLimit(text: string): OutputLimit {
  const all = words(text);
  const at = all.indexOf('normal');
  const [hard = '0', soft = '0', seconds = '0'] = at < 0 ? [] : all.slice(at + 1, at + 4);
  return { hard: bytes(hard), soft: bytes(soft), softSeconds: Number(seconds) };
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1024,
  m: 1e6,
  mb: 1024 ** 2,
  g: 1e9,
  gb: 1024 ** 3,
};

function bytes(text: string): number {
  const match = /^(\d+)([a-z]*)$/i.exec(text);
  return Number(match?.[1] ?? 0) * (UNITS[(match?.[2] ?? '').toLowerCase()] ?? 1);
}
