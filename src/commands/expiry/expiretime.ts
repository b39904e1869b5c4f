import { ttlCommand } from './ttl-generic.js';

export const expiretime = ttlCommand(
  'expiretime',
  { isSeconds: true, isAbsolute: true },
  '7.0.0',
  'Returns the Unix time in seconds at which a key goes.',
);
