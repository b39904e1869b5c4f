import { expireCommand } from './expire-generic.js';

export const pexpire = expireCommand(
  'pexpire',
  { isSeconds: false, isAbsolute: false },
  '2.6.0',
  'Sets the time to live of a key in milliseconds.',
);
