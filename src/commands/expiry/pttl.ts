import { ttlCommand } from './ttl-generic.js';

export const pttl = ttlCommand(
  'pttl',
  { isSeconds: false, isAbsolute: false },
  '2.6.0',
  'Returns the time to live of a key in milliseconds.',
);
