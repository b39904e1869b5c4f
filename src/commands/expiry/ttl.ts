import { ttlCommand } from './ttl-generic.js';

export const ttl = ttlCommand(
  'ttl',
  { isSeconds: true, isAbsolute: false },
  '1.0.0',
  'Returns the time to live of a key in seconds.',
);
