import { ttlCommand } from './ttl-generic.js';

export const pexpiretime = ttlCommand(
  'pexpiretime',
  { isSeconds: false, isAbsolute: true },
  '7.0.0',
  'Returns the Unix time in milliseconds at which a key goes.',
);
