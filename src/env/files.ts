/**
 * The file port. Each method states what is durable when it returns: nothing, unless it says so. Errors are those of
 * node:fs (an `Error` with a `code` such as ENOSPC). Nothing here retries and nothing here hides an error.
 */
export interface FileStat {
  readonly size: number;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isSymbolicLink: boolean;
  /** Number of directory entries; 0 after the last one was removed. */
  readonly nlink: number;
  readonly ino: number;
  readonly dev: number;
  readonly mtimeMs: number;
}

/**
 * read: must exist, read only. append: must exist, every write goes to the end. create: must not exist, then as append.
 * replace: created, or emptied if it exists, then as append. update: must exist, may be truncated.
 * No mode follows a symbolic link in the last component.
 */
export type OpenMode = 'read' | 'append' | 'create' | 'replace' | 'update';

export interface FileHandle {
  /** Gathered write at the end of the file; may be short, returns the number of bytes taken. */
  write(buffers: readonly Uint8Array[]): Promise<number>;
  /**
   * As write, on the calling thread: only for the last effort when the process exits. Waits (a second at most, then EAGAIN)
   * for a write() that has not returned; with no buffers it does only that.
   */
  writeSync(buffers: readonly Uint8Array[]): number;
  /** 0 at the end of the file. */
  read(into: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  /** On return: content and size are durable. After a failure never call it again on this handle. */
  datasync(): Promise<void>;
  /** On return: content, size and metadata are durable. */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  stat(): Promise<FileStat>;
  close(): Promise<void>;
}

export interface Files {
  /** Files are made with mode 0600. */
  open(path: string, mode: OpenMode): Promise<FileHandle>;
  /** Whole file; refuses (EFBIG) what is longer than `limit` bytes. Does not follow a symbolic link. */
  readFile(path: string, limit: number): Promise<Buffer>;
  stat(path: string): Promise<FileStat>;
  lstat(path: string): Promise<FileStat>;
  /** Directories are made with mode 0700, one level; EEXIST where it exists. */
  mkdir(path: string): Promise<void>;
  readdir(path: string): Promise<string[]>;
  rename(from: string, to: string): Promise<void>;
  link(existing: string, path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** On return: the entries of this directory are durable. */
  syncDirectory(path: string): Promise<void>;
}
