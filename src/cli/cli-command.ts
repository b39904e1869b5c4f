/** One sub-command of `everysec`. */
export interface CliCommand {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** Runs to its end and resolves to the exit code: 0 good, 1 bad data or failure, 2 wrong use. */
  run(argv: readonly string[]): Promise<number>;
}
