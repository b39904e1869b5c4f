/** Which backend runs: the option where it says more than `auto`, else EVERYSEC_BACKEND, else whichever loads. */
import { AofError } from '../errors.js';

export type BackendWish = 'auto' | 'native' | 'fallback';

export function backendWish(option: BackendWish, fromEnvironment: string | undefined): BackendWish {
  if (option !== 'auto' || fromEnvironment === undefined || fromEnvironment === '') return option;
  if (fromEnvironment === 'native' || fromEnvironment === 'fallback' || fromEnvironment === 'auto') return fromEnvironment;
  throw new AofError('AOF_CONFIG', `EVERYSEC_BACKEND is '${fromEnvironment}': native, fallback or auto is expected`);
}
