/**
 * What a read outcome means: go on, cut the tail, or refuse. Pure; block-format.md ("Torn tail or damage?") and Redis's own
 * rules for files without annotations. Nothing is changed on disk here; repair.ts performs a cut.
 */
import type { ReadOutcome } from '../../backend/backend.js';
import type { AofErrorCode } from '../../errors.js';

export interface LoadContext {
  readonly path: string;
  readonly name: string;
  /** The file that will be appended to: the only one that may have a torn tail. */
  readonly isLast: boolean;
  /** aof-load-truncated. */
  readonly loadTruncated: boolean;
  /** The manifest says that it begins in checksummed blocks. */
  readonly isChecksummed?: boolean | undefined;
}

export type LoadDecision =
  | { readonly kind: 'ok' }
  | {
      readonly kind: 'cut';
      /** File offset to cut at; everything from there goes to a copy first. */
      readonly offset: number;
      readonly lsn: number;
      readonly commands: number;
      /** Lines for the log, level warning. */
      readonly messages: readonly string[];
    }
  | { readonly kind: 'refuse'; readonly code: AofErrorCode; readonly offset: number; readonly message: string };

const OK: LoadDecision = { kind: 'ok' };

export function decideLoad(outcome: ReadOutcome, context: LoadContext): LoadDecision {
  switch (outcome.status) {
    case 'rdb':
      return refuse(
        'AOF_UNSUPPORTED',
        0,
        `${context.path} is in RDB format, which this version cannot read yet. Rewrite it with aof-use-rdb-preamble no first; nothing was changed`,
      );
    case 'clean':
      if (!outcome.openMulti && outcome.unitStart === outcome.validEnd) return OK;
      return tornUnit(outcome, context);
    case 'truncated':
      return truncated(outcome, context);
    case 'malformed':
      return malformed(outcome, context);
  }
}

function tornUnit(outcome: ReadOutcome, context: LoadContext): LoadDecision {
  const what = `Revert incomplete MULTI/EXEC transaction in AOF file ${context.name}`;
  if (!context.isLast) return notTheLast(outcome, context, outcome.unitStart, 'a transaction without its EXEC');
  return cut(outcome, context, [what]);
}

function truncated(outcome: ReadOutcome, context: LoadContext): LoadDecision {
  if (!context.isLast) return notTheLast(outcome, context, outcome.badOffset, outcome.found);
  if (outcome.recordsAfterBad >= RECORDS_THAT_PROVE_DAMAGE) return damage(outcome, context);
  if (isBelowEvidence(outcome, context)) return damage(outcome, context);
  return cut(outcome, context, [
    `!!! Warning: short read while loading the AOF file ${context.name}!!!`,
    `AOF ${context.name} loaded anyway because aof-load-truncated is enabled`,
  ]);
}

function malformed(outcome: ReadOutcome, context: LoadContext): LoadDecision {
  if (!context.isLast) return damage(outcome, context);
  // A bad byte in plain RESP is Redis's "bad file format": nothing there tells what was synced.
  if (outcome.isBadInPlain && !isFirstPageMissing(outcome, context)) return damage(outcome, context);
  // Beyond what was known to be synced, pages may have reached the disk in any order.
  if (isBelowEvidence(outcome, context) || outcome.foreignCut !== '') return damage(outcome, context);
  return cut(outcome, context, [
    `!!! Warning: torn tail in the AOF file ${context.name}: ${outcome.found} at offset ${outcome.badOffset}, never known to be synced !!!`,
    `AOF ${context.name} loaded anyway because aof-load-truncated is enabled`,
  ]);
}

/** Damage followed by this many parseable records is no torn tail. */
const RECORDS_THAT_PROVE_DAMAGE = 3;

function isBelowEvidence(outcome: ReadOutcome, context: LoadContext): boolean {
  if (!outcome.isAnnotated || (outcome.isBadInPlain && !isFirstPageMissing(outcome, context))) return false;
  if (outcome.isBadAfterClose && !isUnfinished(outcome)) return true;
  return outcome.lsn < outcome.evidenceLsn;
}

/**
 * What a new session leaves behind a clean close when the power is lost before its first sync: nothing before it is in doubt, and of
 * itself any page may be missing. Anything else that stands there was written by nobody who appends to logs.
 */
function isUnfinished(outcome: ReadOutcome): boolean {
  const { status, found, expected } = outcome;
  return status === 'truncated' || found === ZERO_BYTE || expected === ANNOTATION_LINE || expected.startsWith(CHECKSUM);
}

/**
 * The file begins with zeros: its first write was torn, with a later page on disk and the first one not. Where nobody says that it began
 * in blocks, too much that parses behind them makes it a log of plain RESP that was damaged.
 */
function isFirstPageMissing(outcome: ReadOutcome, context: LoadContext): boolean {
  if (outcome.badOffset !== 0 || outcome.found !== ZERO_BYTE || outcome.expected !== RECORD_OR_LINE) return false;
  return context.isChecksummed === true || outcome.recordsAfterBad < RECORDS_THAT_PROVE_DAMAGE;
}

// `found` and `expected` as both readers say it.
const ZERO_BYTE = '0x00';
const RECORD_OR_LINE = "'*' or '#'";
const ANNOTATION_LINE = 'an #EVS1 line of known form';
const CHECKSUM = 'crc ';

function cut(outcome: ReadOutcome, context: LoadContext, messages: readonly string[]): LoadDecision {
  if (!context.loadTruncated) {
    return refuse(
      'AOF_TRUNCATED',
      outcome.badOffset >= 0 ? outcome.badOffset : outcome.unitStart,
      `Unexpected end of file reading the append only file ${context.name}. You can: 1) Make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the 'aof-load-truncated' configuration option to yes and restart the server.`,
    );
  }
  // By LSN: between a block's start and its first record stands the annotation line, which is no command.
  if (outcome.unitRecordLsn !== outcome.unitLsn) {
    // Our writers begin a unit that outgrows its block in a block of its own, so this is another program's file.
    return refuse(
      'AOF_CORRUPT',
      outcome.unitRecordOffset,
      `${context.path}: a torn transaction begins at offset ${outcome.unitRecordOffset}, inside a block that holds whole commands before it, which a cut at the block's start would lose. Nothing was changed on disk`,
    );
  }
  const at = `!!! Truncating the AOF ${context.name} at offset ${outcome.unitStart} !!!`;
  return {
    kind: 'cut',
    offset: outcome.unitStart,
    lsn: outcome.unitLsn,
    commands: outcome.commandsInOpenUnit,
    messages: [messages[0] as string, at, ...messages.slice(1)],
  };
}

function damage(outcome: ReadOutcome, context: LoadContext): LoadDecision {
  const offset = outcome.badOffset >= 0 ? outcome.badOffset : outcome.unitStart;
  const next = outcome.nextGoodOffset >= 0 ? `${outcome.nextGoodOffset}` : 'none';
  const foreign = outcome.foreignCut === '' ? '' : ` ${outcome.foreignCut};`;
  return refuse(
    'AOF_CORRUPT',
    offset,
    `Bad file format reading the append only file ${context.name}: make a backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>. Damage at offset ${offset} (lsn ${outcome.lsn}): found ${outcome.found}, expected ${outcome.expected}; last good byte before ${outcome.validEnd}, next good at ${next};${foreign} nothing was changed on disk`,
  );
}

function notTheLast(outcome: ReadOutcome, context: LoadContext, offset: number, found: string): LoadDecision {
  return refuse(
    'AOF_CORRUPT',
    offset,
    `Fatal error: the truncated file is not the last file: ${context.path} ends badly at offset ${offset} (lsn ${outcome.lsn}): found ${found}; nothing was changed on disk`,
  );
}

function refuse(code: AofErrorCode, offset: number, message: string): LoadDecision {
  return { kind: 'refuse', code, offset, message };
}
