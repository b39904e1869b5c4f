/** Orderings of the log: what counts as synced, the roll, the cut, in the engine and in the TypeScript backend. As files.mjs. */
const ROLL = 'src/aof/health/roll.ts';
const HEALTH = 'src/aof/health/log-health.ts';
const ENGINE = 'src/engine.ts';
const OPEN_LOG = 'src/aof/open-log.ts';
const PIPELINE = 'src/backend/fallback/block-pipeline.ts';
const LOG = 'src/backend/fallback/fallback-log.ts';

export const logOrderings = [
  {
    id: 'roll-named-before-synced',
    rule: 'roll (b) before (c): the new segment is synced before a manifest names it',
    edits: [
      { file: ROLL, from: '  await untilSynced();\n', to: '' },
      {
        file: ROLL,
        from: '  return segments.slice(0, -1);\n',
        to: '  await options.untilSynced();\n  return segments.slice(0, -1);\n',
      },
    ],
  },
  {
    id: 'roll-cut-before-named',
    rule: 'roll (c) before (d): the old segment is cut after the manifest names the new one',
    edits: [
      {
        file: ROLL,
        from: '  const counting = segments.filter(',
        to: '  await tidy(options, segments.slice(0, -1));\n  const counting = segments.filter(',
      },
    ],
  },
  {
    id: 'roll-cut-before-new-segment',
    rule: 'roll (a) before (d): the old segment is cut after everything stands in the new one',
    edits: [
      {
        file: ROLL,
        from: '  await untilSynced();\n',
        to: '  await tidy({ env, files }, [old]);\n  await untilSynced();\n',
      },
    ],
  },
  {
    id: 'roll-counts-before-named',
    rule: 'roll (c): promises resolve when the manifest is durable, not before',
    edits: [{ file: HEALTH, from: '    flusher.hold(true);\n', to: '' }],
  },
  {
    id: 'failed-sync-answered-by-retry',
    rule: 'a failed fdatasync is never retried on the same file',
    edits: [
      {
        file: 'src/aof/health/fault-policy.ts',
        from: "if (fault === BlockLogFault.sync) return 'roll';",
        to: "if (fault === BlockLogFault.sync) return 'retry';",
      },
    ],
  },
  {
    id: 'synced-is-written',
    rule: 'synced: fdatasync covered it',
    edits: [
      {
        file: 'src/aof/flush/flusher.ts',
        from: 'return this.#heldSyncedLsn ?? this.#value(Status.syncedLsn);',
        to: 'return this.#heldSyncedLsn ?? this.#value(Status.writtenLsn);',
      },
    ],
  },
  {
    id: 'always-answers-when-written',
    rule: 'always: a reply leaves when synced covers what was appended',
    edits: [
      {
        file: 'src/aof/flush/answer-policy.ts',
        from: "if (state.policy === 'always' && !state.isSyncSuspended) return state.syncedLsn;",
        to: "if (state.policy === 'always' && !state.isSyncSuspended) return state.writtenLsn;",
      },
    ],
  },
  {
    id: 'replies-run-ahead-of-a-fault',
    rule: 'everysec, no: a reply leaves when written covers it, and none runs ahead of a log that has failed',
    edits: [
      {
        file: 'src/aof/flush/answer-policy.ts',
        from: "if (state.policy === 'always' || state.hasFault) return false;",
        to: "if (state.policy === 'always') return false;",
      },
    ],
  },
  {
    id: 'enable-counts-before-named',
    rule: 'appendonly switched on: nothing counts as synced before the manifest names it',
    edits: [
      { file: ENGINE, from: 'this.#adoptLog(begun.log, this.#lsn).hold(true);', to: 'this.#adoptLog(begun.log, this.#lsn);' },
    ],
  },
  {
    id: 'close-mark-before-synced',
    rule: 'a clean-close mark says that everything before it is synced',
    edits: [
      {
        file: OPEN_LOG,
        from: "    await this.#drain(health);\n    // Nothing is worth a roll any more.\n    await health.close();\n    this.#log.mark('c');\n    this.#log.flush(true);\n",
        to: "    this.#log.mark('c');\n    this.#log.flush(true);\n    await this.#drain(health);\n    await health.close();\n",
      },
    ],
  },
  {
    id: 'lock-released-before-log-closed',
    rule: 'one writer per directory: the lock is held until the log is closed',
    edits: [
      {
        file: ENGINE,
        from: '    await this.#fileSet.release().catch((error: unknown) => errors.push(error));\n    if (errors',
        to: '    if (errors',
      },
      {
        file: ENGINE,
        from: '    await this.#closeLog().catch((error: unknown) => errors.push(error));\n',
        to: `    await this.#fileSet.release().catch((error: unknown) => errors.push(error));
    await this.#closeLog().catch((error: unknown) => errors.push(error));\n`,
      },
    ],
  },
  {
    id: 'fallback-synced-at-completion',
    rule: 'synced counts what was written when the fdatasync was issued',
    edits: [
      {
        file: PIPELINE,
        from: '        this.syncedLsn = Math.max(this.syncedLsn, lsn);\n',
        to: '        this.syncedLsn = Math.max(this.syncedLsn, this.chain.writtenLsn);\n',
      },
    ],
  },
  {
    id: 'fallback-let-go-at-completion',
    rule: 'un-synced bytes are kept until synced, as of when the fdatasync was issued',
    edits: [
      {
        file: PIPELINE,
        from: 'this.chain.releaseSynced(total, lsn);',
        to: 'this.chain.releaseSynced(this.chain.writtenTotal, this.chain.writtenLsn);',
      },
    ],
  },
  {
    id: 'fallback-synced-offset-at-completion',
    rule: 'synced counts what was written when the fdatasync was issued',
    edits: [{ file: PIPELINE, from: 'Math.min(offset, this.writtenOffset)', to: 'this.writtenOffset' }],
  },
  {
    id: 'fallback-clean-at-completion',
    rule: 'what is written beside an fdatasync needs another one',
    edits: [
      {
        file: PIPELINE,
        from: '        this.syncedLsn = Math.max(this.syncedLsn, lsn);\n',
        to: '        this.isDirty = false;\n        this.syncedLsn = Math.max(this.syncedLsn, lsn);\n',
      },
    ],
  },
  {
    id: 'fallback-sync-before-write',
    rule: 'the fdatasync that was asked for follows the write',
    edits: [{ file: PIPELINE, from: '    if (this.chain.wantSync()) return;\n', to: '' }],
  },
  {
    id: 'fallback-sync-retried',
    rule: 'a failed fdatasync is never retried on the same file',
    edits: [
      {
        file: 'src/backend/fallback/syncer.ts',
        from: 'await target.handle.datasync();',
        to: 'await target.handle.datasync().catch(() => target.handle.datasync());',
      },
    ],
  },
  {
    id: 'fallback-sync-after-failed-sync',
    rule: 'a failed fdatasync is never retried on the same file',
    edits: [
      {
        file: PIPELINE,
        from: 'if (!this.isSyncDue || this.syncer.isBusy || this.syncer.isOver) return;',
        to: 'if (!this.isSyncDue || this.syncer.isBusy) return;',
      },
    ],
  },
  {
    id: 'fallback-write-after-failed-sync',
    rule: 'after a failed fdatasync nothing more is written to that file',
    edits: [
      {
        file: PIPELINE,
        from: 'this.stage === 2 || this.syncer.isOver) return false;',
        to: 'this.stage === 2) return false;',
      },
    ],
  },
  {
    id: 'fallback-last-write-after-failed-sync',
    rule: 'after a failed fdatasync nothing more is written to that file, at the end of the process either',
    edits: [
      {
        file: PIPELINE,
        from: 'this.isRolling || this.writer.isLost || this.syncer.isOver) return 0;',
        to: 'this.isRolling || this.writer.isLost) return 0;',
      },
    ],
  },
  {
    id: 'fallback-place-looked-at-before-sync',
    rule: 'link count and inode are checked before a sync is acked: after the fdatasync',
    edits: [
      {
        file: 'src/backend/fallback/syncer.ts',
        from: '    await target.handle.datasync();\n    return isInPlace(this.files, target);\n',
        to: '    const isThere = await isInPlace(this.files, target);\n    await target.handle.datasync();\n    return isThere;\n',
      },
    ],
  },
  {
    id: 'fallback-unit-let-go-in-parts',
    rule: 'roll (a): everything retained from the start of the first execution unit that is not wholly synced',
    edits: [
      {
        file: 'src/backend/fallback/block-chain.ts',
        from: '    this.release(total, this.units.startAt(lsn));\n',
        to: '    this.release(total, Number.POSITIVE_INFINITY);\n',
      },
    ],
  },
  {
    id: 'fallback-roll-beside-a-write',
    rule: 'roll (a): nothing is under way on the old segment',
    edits: [{ file: LOG, from: '      await pipeline.quiet();\n', to: '' }],
  },
  {
    id: 'fallback-write-during-roll',
    rule: 'roll (a): nothing more is begun on the old segment',
    edits: [
      {
        file: PIPELINE,
        from: 'if (this.isTruncating || this.isRolling || this.stage === 2 || this.syncer.isOver) return false;',
        to: 'if (this.isTruncating || this.stage === 2 || this.syncer.isOver) return false;',
      },
    ],
  },
  {
    id: 'fallback-sync-during-roll',
    rule: 'roll (a): nothing more is begun on the old segment',
    edits: [
      {
        file: PIPELINE,
        from: '    if (this.isTruncating || this.isRolling || this.stage === 2) return;\n',
        to: '    if (this.isTruncating || this.stage === 2) return;\n',
      },
    ],
  },
  {
    id: 'fallback-retarget-before-seal',
    rule: 'the cut (2): seal the old INCR, then retarget the buffer',
    edits: [
      {
        file: LOG,
        from: '    this.seal();\n    this.pipeline.beginRetarget({ lsn: this.lsnBase + this.origin, db: this.blockDb });\n',
        to: '    this.pipeline.beginRetarget({ lsn: this.lsnBase + this.origin, db: this.blockDb });\n    this.seal();\n',
      },
    ],
  },
  {
    id: 'fallback-session-before-seal',
    rule: 'the cut (2): seal the old INCR, then retarget the buffer',
    edits: [
      {
        file: LOG,
        from: '    if (next === null) return;\n    this.seal();\n',
        to: '    if (next === null) return;\n    this.sealer.beginFile(next.session);\n    this.seal();\n',
      },
    ],
  },
  {
    id: 'fallback-old-file-left-unsynced',
    rule: 'the cut (3): fdatasync of the old INCR',
    edits: [
      {
        file: PIPELINE,
        from: '    if (this.isDirty) {\n      this.isSyncDue = true;',
        to: '    if (this.isSyncDue) {\n      this.isSyncDue = true;',
      },
    ],
  },
  {
    id: 'fallback-old-file-left-while-syncing',
    rule: 'the cut (3) before (5): synced never passes an un-synced older file',
    edits: [{ file: PIPELINE, from: '    if (this.syncer.isBusy) return;\n    this.isClosingOld', to: '    this.isClosingOld' }],
  },
  {
    id: 'fallback-old-file-left-after-failed-sync',
    rule: 'the cut (3): a failure is an ordinary roll',
    edits: [{ file: PIPELINE, from: '    if (this.syncer.isOver) return;\n    if (this.isDirty)', to: '    if (this.isDirty)' }],
  },
  {
    id: 'fallback-next-file-not-held',
    rule: 'the cut (4) before (5): the first write to the new INCR follows the manifest',
    edits: [{ file: PIPELINE, from: '    this.stage = 2;\n', to: '    this.stage = 0;\n' }],
  },
  {
    id: 'fallback-cut-needs-no-sync',
    rule: 'a cut is durable when an fdatasync has followed it',
    edits: [
      {
        file: PIPELINE,
        from: '      this.syncedOffset = Math.min(this.syncedOffset, offset);\n      this.isDirty = true;\n',
        to: '      this.syncedOffset = Math.min(this.syncedOffset, offset);\n',
      },
    ],
  },
  {
    id: 'fallback-closed-before-synced',
    rule: 'close: what was handed over is written and synced, then the file is closed',
    edits: [{ file: PIPELINE, from: '    if (!this.isSettled) {\n', to: '    if (this.writer.isBusy) {\n' }],
  },
];
