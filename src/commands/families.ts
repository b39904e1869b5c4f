/** Every family of commands. A new family is added by its name here and nowhere else. */
import { connectionCommands } from './connection/index.js';
import { expiryCommands } from './expiry/index.js';
import { genericCommands } from './generic/index.js';
import { hashCommands } from './hash/index.js';
import { keyspaceCommands } from './keyspace/index.js';
import { listCommands } from './list/index.js';
import { serverCommands } from './server/index.js';
import type { CommandSpec } from './spec.js';
import { stringCommands } from './string/index.js';
import { transactionCommands } from './transaction/index.js';

export const dataFamilies: readonly (readonly CommandSpec[])[] = [
  stringCommands,
  listCommands,
  hashCommands,
  genericCommands,
  expiryCommands,
  keyspaceCommands,
  transactionCommands,
];

/** What a store runs: data, connection and administration. */
export const allFamilies: readonly (readonly CommandSpec[])[] = [...dataFamilies, connectionCommands, serverCommands];
