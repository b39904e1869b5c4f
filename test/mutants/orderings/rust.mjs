/** Orderings of the log in the addon. As files.mjs. */
const SYNCER = 'crates/everysec-core/src/syncer.rs';
const STATE = 'crates/everysec-core/src/log_state.rs';
const LOG = 'crates/everysec-core/src/block_log.rs';

export const rustOrderings = [
  {
    id: 'native-synced-at-completion',
    rule: 'synced counts what was written when the fdatasync was issued',
    edits: [
      {
        file: SYNCER,
        from: '            state.note_sync(total, lsn, &mut garbage);\n',
        to: `            let (total, lsn) = (state.written_total, state.written_lsn);
            state.note_sync(total, lsn, &mut garbage);\n`,
      },
    ],
  },
  {
    id: 'native-synced-offset-at-completion',
    rule: 'synced counts what was written when the fdatasync was issued',
    edits: [{ file: SYNCER, from: 'offset.min(state.target.written_offset)', to: 'offset.max(state.target.written_offset)' }],
  },
  {
    id: 'native-cut-clean-at-completion',
    rule: 'what is cut beside an fdatasync needs another one',
    edits: [
      {
        file: SYNCER,
        from: '            state.sync.count += 1;\n',
        to: '            state.sync.count += 1;\n            state.is_cut = false;\n',
      },
    ],
  },
  {
    id: 'native-requests-done-at-completion',
    rule: 'what is asked for beside an fdatasync needs another one',
    edits: [
      {
        file: SYNCER,
        from: '            state.sync.count += 1;\n',
        to: '            state.sync.count += 1;\n            state.sync_requests.clear();\n',
      },
    ],
  },
  {
    id: 'native-sync-before-write',
    rule: 'the fdatasync that was asked for follows the write',
    edits: [
      {
        file: SYNCER,
        from: '            .is_some_and(|total| *total <= state.written_total)\n',
        to: '            .is_some()\n',
      },
    ],
  },
  {
    id: 'native-sync-retried',
    rule: 'a failed fdatasync is never retried on the same file',
    edits: [
      {
        file: SYNCER,
        from: 'let result = datasync(&*file).and_then(',
        to: 'let result = datasync(&*file).or_else(|_| datasync(&*file)).and_then(',
      },
    ],
  },
  {
    id: 'native-sync-after-failed-sync',
    rule: 'a failed fdatasync is never retried on the same file',
    edits: [
      {
        file: SYNCER,
        from: 'if state.sync_failure.is_some() || state.is_gone || state.is_dead || state.is_rolling {',
        to: 'if state.is_gone || state.is_dead || state.is_rolling {',
      },
    ],
  },
  {
    id: 'native-write-after-failed-sync',
    rule: 'after a failed fdatasync nothing more is written to that file',
    edits: [
      {
        file: STATE,
        from: 'if self.fault().0 != Fault::None || self.is_rolling {',
        to: 'if self.is_dead || self.is_gone || self.write_failure.is_some() || self.is_rolling {',
      },
    ],
  },
  {
    id: 'native-write-during-roll',
    rule: 'roll (a): nothing more is begun on the old segment',
    edits: [
      {
        file: STATE,
        from: 'if self.fault().0 != Fault::None || self.is_rolling {',
        to: 'if self.fault().0 != Fault::None {',
      },
    ],
  },
  {
    id: 'native-sync-during-roll',
    rule: 'roll (a): nothing more is begun on the old segment',
    edits: [
      {
        file: SYNCER,
        from: 'if state.sync_failure.is_some() || state.is_gone || state.is_dead || state.is_rolling {',
        to: 'if state.sync_failure.is_some() || state.is_gone || state.is_dead {',
      },
    ],
  },
  {
    id: 'native-roll-beside-a-sync',
    rule: 'roll (a): nothing is under way on the old segment',
    edits: [
      {
        file: LOG,
        from: 'while state.is_write_under_way || state.sync.started.is_some() {',
        to: 'while state.is_write_under_way {',
      },
    ],
  },
  {
    id: 'native-roll-beside-a-write',
    rule: 'roll (a): nothing is under way on the old segment',
    edits: [
      {
        file: LOG,
        from: 'while state.is_write_under_way || state.sync.started.is_some() {',
        to: 'while state.sync.started.is_some() {',
      },
    ],
  },
  {
    id: 'native-roll-does-not-wait',
    rule: 'roll (a): nothing is under way on the old segment',
    edits: [
      { file: 'crates/everysec-napi/src/log_methods.rs', from: '            block_log::wait_until_quiet(&shared);\n', to: '' },
      {
        file: 'crates/everysec-napi/src/log_methods.rs',
        from: '        let open = move || {\n            let file = OsFile::open_append(&target.path, target.position)?;\n            Ok(file)',
        to: '        drop(shared);\n        let open = move || {\n            let file = OsFile::open_append(&target.path, target.position)?;\n            Ok(file)',
      },
    ],
  },
  {
    id: 'native-place-looked-at-before-sync',
    rule: 'link count and inode are checked before a sync is acked: after the fdatasync',
    edits: [
      {
        file: SYNCER,
        from: 'let result = datasync(&*file).and_then(|()| file.is_in_place());',
        to: 'let result = file.is_in_place().and_then(|is_there| datasync(&*file).map(|()| is_there));',
      },
    ],
  },
  {
    id: 'native-unit-let-go-in-parts',
    rule: 'roll (a): everything retained from the start of the first execution unit that is not wholly synced',
    edits: [{ file: STATE, from: 'let lsn = self.units.start_at(self.durable_lsn);', to: 'let lsn = u64::MAX;' }],
  },
  {
    id: 'native-retarget-before-seal',
    rule: 'the cut (2): seal the old INCR, then retarget the buffer',
    edits: [
      {
        file: LOG,
        from: '        self.buffer.seal();\n        let start = self.buffer.start();\n        self.buffer.begin_target(session);\n',
        to: '        self.buffer.begin_target(session);\n        self.buffer.seal();\n        let start = self.buffer.start();\n',
      },
    ],
  },
  {
    id: 'native-seal-after-switch',
    rule: 'the cut (2): seal the old INCR, then retarget the buffer',
    edits: [
      {
        file: LOG,
        from: '        self.buffer.seal();\n        let start = self.buffer.start();\n        self.buffer.begin_target(session);\n',
        to: '        let start = self.buffer.start();\n',
      },
      {
        file: LOG,
        from: '        state.stage = Stage::Draining;\n        drop(state);\n',
        to: `        state.stage = Stage::Draining;
        drop(state);
        self.buffer.seal();
        self.buffer.begin_target(session);\n`,
      },
    ],
  },
  {
    id: 'native-old-file-left-unsynced',
    rule: 'the cut (3): fdatasync of the old INCR',
    edits: [
      {
        file: SYNCER,
        from: '    let is_drain_due = is_drained && (state.synced_total < state.switch_total || state.is_cut);\n',
        to: '    let is_drain_due = is_drained && state.is_cut;\n',
      },
      {
        file: SYNCER,
        from: 'is_usable && state.synced_total >= state.switch_total && !state.is_cut',
        to: 'is_usable && state.written_total >= state.switch_total && !state.is_cut',
      },
    ],
  },
  {
    id: 'native-old-file-left-before-cut-is-synced',
    rule: 'the cut (3): fdatasync of the old INCR',
    edits: [
      {
        file: SYNCER,
        from: '    let is_drain_due = is_drained && (state.synced_total < state.switch_total || state.is_cut);\n',
        to: '    let is_drain_due = is_drained && state.synced_total < state.switch_total;\n',
      },
      {
        file: SYNCER,
        from: 'is_usable && state.synced_total >= state.switch_total && !state.is_cut',
        to: 'is_usable && state.synced_total >= state.switch_total',
      },
    ],
  },
  {
    id: 'native-next-file-not-held',
    rule: 'the cut (4) before (5): the first write to the new INCR follows the manifest',
    edits: [
      {
        file: SYNCER,
        from: '    state.stage = Stage::Held;\n',
        to: `    if let Some(next) = state.next.take() {
        state.target = next;
    }
    state.stage = Stage::None;
    shared.writer_wake.notify_one();\n`,
      },
    ],
  },
  {
    id: 'native-write-past-the-switch',
    rule: 'the cut (3) before (5): what follows the cut goes to the new INCR only',
    edits: [{ file: STATE, from: 'Stage::Draining => first.end_total <= self.switch_total,', to: 'Stage::Draining => true,' }],
  },
  {
    id: 'native-cut-needs-no-sync',
    rule: 'a cut is durable when an fdatasync has followed it',
    edits: [{ file: LOG, from: '        state.is_cut = true;\n', to: '' }],
  },
  {
    id: 'native-closed-before-synced',
    rule: 'close: what was handed over is written and synced, then the file is closed',
    edits: [{ file: SYNCER, from: 'state.is_closing && state.is_writer_gone {', to: 'state.is_closing {' }],
  },
];
