import { expireCommand } from './expire-generic.js';

export const expire = expireCommand(
  'expire',
  { isSeconds: true, isAbsolute: false },
  '1.0.0',
  'Sets the time to live of a key in seconds.',
);
