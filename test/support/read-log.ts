/** Reads a whole file with a CommandReader and checks on the way what every batch must keep. */
import type { CommandReader, CommandReaderOptions, ReadOutcome } from '../../src/backend/backend.js';

export interface ReadCommand {
  readonly argv: string[];
  readonly start: number;
  readonly end: number;
  readonly lsn: number;
}

export interface WholeRead {
  readonly commands: ReadCommand[];
  readonly outcome: ReadOutcome;
  readonly batches: number;
  /** `seconds` of the last batch. */
  readonly seconds: number;
}

export type MakeReader = (options: CommandReaderOptions) => CommandReader;

export async function readWhole(reader: CommandReader): Promise<WholeRead> {
  const commands: ReadCommand[] = [];
  let batches = 0;
  let seconds = 0;
  let end = 0;
  for (;;) {
    const batch = await reader.next();
    if (batch === null) break;
    batches++;
    const { bytes, index, count, indexLength, fileOffset, lsn } = batch;
    seconds = batch.seconds;
    if (count === 0) throw new Error('a batch is empty');
    if (fileOffset < end) throw new Error(`a batch begins at ${fileOffset}, before the last one's end ${end}`);
    end = fileOffset + bytes.length;
    if (reader.position !== end) throw new Error(`position is ${reader.position} behind a batch that ends at ${end}`);
    let at = 0;
    for (let k = 0; k < count; k++) {
      const [from = -1, to = -1, after = -1, argc = -1] = index.subarray(at, at + 4);
      const argv: string[] = [];
      for (let i = 0; i < argc; i++) argv.push(bytes.latin1Slice(index[at + 4 + 2 * i], index[at + 5 + 2 * i]));
      if (bytes[from] !== 42 || bytes[to - 1] !== 10) throw new Error(`command ${k} is no record: ${from} to ${to}`);
      commands.push({ argv, start: fileOffset + from, end: fileOffset + to, lsn: lsn + after });
      at += 4 + 2 * argc;
    }
    if (at !== indexLength) throw new Error(`indexLength is ${indexLength}, the commands take ${at}`);
  }
  const { outcome } = reader;
  if (outcome === null) throw new Error('no outcome behind the last batch');
  if (outcome.commands !== commands.length) throw new Error(`${outcome.commands} commands counted, ${commands.length} delivered`);
  return { commands, outcome, batches, seconds };
}
