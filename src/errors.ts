/**
 * The one error type of the engine. Operating errors (bad disk, bad file, second opener) are values of this class with a
 * stable `code`; programmer errors are assertions and throw plain `TypeError` or `RangeError`.
 *
 * docs/errors.md tells for each code what it means and what to do.
 */
export type AofErrorCode =
  | 'AOF_LOCKED'
  | 'AOF_CORRUPT'
  | 'AOF_TRUNCATED'
  | 'AOF_IO'
  | 'AOF_DISK_FULL'
  | 'AOF_FAILED'
  | 'AOF_BUSY'
  | 'AOF_CLOSED'
  | 'AOF_READONLY'
  | 'AOF_CONFIG'
  | 'AOF_UNSUPPORTED'
  | 'AOF_ABORTED';

export interface AofErrorDetails {
  /** The file or directory that the error is about. */
  readonly path?: string | undefined;
  /** Byte offset in that file. */
  readonly offset?: number | undefined;
  readonly cause?: unknown;
}

export class AofError extends Error {
  override readonly name = 'AofError';
  readonly code: AofErrorCode;
  readonly path: string | undefined;
  readonly offset: number | undefined;

  constructor(code: AofErrorCode, message: string, details: AofErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.path = details.path;
    this.offset = details.offset;
  }
}

/** Turns an error of node:fs (or one that looks like it) into an AofError; an AofError passes unchanged. */
export function toAofError(error: unknown, doing: string, path?: string): AofError {
  if (error instanceof AofError) return error;
  const errno = errnoCode(error);
  const where = path === undefined ? '' : ` ${path}`;
  const text = error instanceof Error ? error.message : String(error);
  return new AofError(codeOfErrno(errno), `${doing}${where}: ${text}`, { path, cause: error });
}

/** `ENOSPC`, `EIO` ... of a node:fs error, or '' when there is none. */
export function errnoCode(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string') return error.code;
  return '';
}

export function codeOfErrno(errno: string): AofErrorCode {
  switch (errno) {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return 'AOF_DISK_FULL';
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return 'AOF_READONLY';
    default:
      return 'AOF_IO';
  }
}
