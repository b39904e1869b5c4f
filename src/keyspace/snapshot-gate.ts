/**
 * What the databases share with the snapshot that is under way: the version by which entries are stamped, and where images go.
 * An entry whose stamp is not the version is owed: its state is still that of the cut, and whoever changes it hands it in first.
 */

import type { EntryCursor } from './entry-cursor.js';
import { STAMP_MAX } from './entry-table.js';

export interface ImageSink {
  /** Takes a copy of what the cursor shows. `db`: the number at the cut. `isLeaving`: its value goes as a whole, and is not changed in place. */
  push(db: number, image: EntryCursor, isLeaving: boolean): void;
}

export class SnapshotGate {
  /** Entries that are made or changed get this stamp. 0 is no version. */
  version = 1;
  /** null: no snapshot is under way. */
  sink: ImageSink | null = null;

  /** From now on every entry is owed. There must be no snapshot under way. `clearStamps` is called when versions start over. */
  open(sink: ImageSink, clearStamps: () => void): void {
    if (this.version === STAMP_MAX) {
      clearStamps();
      this.version = 0;
    }
    this.version++;
    this.sink = sink;
  }

  close(): void {
    this.sink = null;
  }
}
