import { expireCommand } from './expire-generic.js';

export const expireat = expireCommand(
  'expireat',
  { isSeconds: true, isAbsolute: true },
  '1.2.0',
  'Sets the Unix time in seconds at which a key goes.',
);
