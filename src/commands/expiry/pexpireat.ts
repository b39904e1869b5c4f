import { expireCommand } from './expire-generic.js';

export const pexpireat = expireCommand(
  'pexpireat',
  { isSeconds: false, isAbsolute: true },
  '2.6.0',
  'Sets the Unix time in milliseconds at which a key goes.',
);
