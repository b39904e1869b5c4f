/**
 * What a roll does to the blocks in memory: they are annotated again for the new file, and a SELECT of the database that is
 * selected where they begin goes in front of them, because every file is loaded from database 0.
 */
import { BlockLimits } from '../backend.js';
import { type Block, lsnOf } from './block.js';
import type { BlockChain } from './block-chain.js';
import type { BlockSealer } from './block-sealer.js';
import { Chunk } from './chunk-pool.js';
import type { LogTarget } from './log-target.js';
import { recordLength, writeRecord } from './resp-encoder.js';

/** Where the filling block begins. */
export interface FillingStart {
  readonly lsn: number;
  readonly db: number;
}

/** What a roll goes from and to. */
export interface Takeover {
  readonly from: LogTarget;
  readonly to: LogTarget;
  readonly session: string;
  /** A change of files is under way: blocks that were sealed for the file behind `from` go to this one instead. */
  readonly later: LogTarget | null;
  /** Where the blocks that are taken over end. */
  readonly end: FillingStart;
}

/** Returns the LSN at which the blocks of `chain` that are taken over begin, and that of the file that takes them. */
export function resealAll(chain: BlockChain, sealer: BlockSealer, takeover: Takeover): { lsn: number; fileLsn: number } {
  const { from, to: target, later, end: filling } = takeover;
  // Where blocks are sealed for a file that waits, its session is the one that goes on.
  const goingOn = later === null ? null : sealer.save();
  const wasAnnotating = sealer.isOn;
  sealer.beginFile(takeover.session);
  const all = chain.takeAll(from);
  const blocks = all.filter((block) => block.target === from);
  const behind = all.filter((block) => block.target !== from);
  const [first] = blocks;
  const lsn = first === undefined ? filling.lsn : lsnOf(first);
  const lead = makeLead(
    lsn,
    first?.db ?? filling.db,
    first?.seconds ?? sealer.seconds,
    first?.isAnnotated ?? sealer.isOn,
    target,
  );
  const fileLsn = lead === null ? lsn : lsnOf(lead);
  chain.rewind(lsn, fileLsn);
  if (lead !== null) {
    sealer.sealAgain(lead, 0);
    chain.relink(lead);
  }
  for (const block of blocks) {
    block.target = target;
    sealer.sealAgain(block, lsnOf(block) - fileLsn);
    chain.relink(block);
  }
  for (const block of behind) {
    block.target = later ?? target;
    chain.relink(block, true);
  }
  if (goingOn === null) sealer.setChecksum(wasAnnotating);
  else sealer.restore(goingOn);
  return { lsn, fileLsn };
}

/** null: LSNs leave no room for it, because the log has just begun. */
function makeLead(lsnEnd: number, db: number, seconds: number, isAnnotated: boolean, target: LogTarget): Block | null {
  const argv = ['SELECT', db];
  const length = recordLength(argv);
  if (length > lsnEnd) return null;
  const origin = BlockLimits.annotationBytes;
  const chunk = new Chunk(origin + length);
  const end = writeRecord(chunk.bytes, origin, argv);
  chunk.blocks = 1;
  return {
    chunk,
    start: origin,
    origin,
    end,
    lsnEnd,
    target,
    // A file begins in database 0.
    db: 0,
    flags: '',
    seconds,
    isAnnotated,
    isLead: true,
    isSyncWanted: false,
    sealedTotal: 0,
    next: null,
  };
}
