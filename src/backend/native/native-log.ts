/**
 * The write side over the addon. The methods are the addon's own functions, each bound to its log by the addon: a call of
 * append() crosses no JavaScript frame of ours. Here stand only those whose arguments or errors need words.
 */
import type { Arg, BlockLog, BlockLogOptions, BlockLogTarget, RollCut } from '../backend.js';
import { type Binding, fromAddon, type LogFunctions } from './binding.js';

/** Up to here the arguments go over the stack: an array that the addon reads element by element costs three times as much. */
const SPREAD_MAX = 64;

export class NativeLog implements BlockLog {
  readonly append: BlockLog['append'];
  readonly appendRaw: BlockLog['appendRaw'];
  readonly appendRawChecked: BlockLog['appendRawChecked'];
  readonly select: BlockLog['select'];
  readonly appendTimestamp: BlockLog['appendTimestamp'];
  readonly beginUnit: BlockLog['beginUnit'];
  readonly endUnit: BlockLog['endUnit'];
  readonly tick: BlockLog['tick'];
  readonly flush: BlockLog['flush'];
  readonly mark: BlockLog['mark'];
  readonly setRetain: BlockLog['setRetain'];
  readonly setChecksum: BlockLog['setChecksum'];
  readonly setWriteDelay: BlockLog['setWriteDelay'];
  readonly status: BlockLog['status'];
  readonly resume: BlockLog['resume'];
  readonly switchToNext: BlockLog['switchToNext'];
  readonly resumeTarget: BlockLog['resumeTarget'];
  readonly writeOutSync: BlockLog['writeOutSync'];
  private readonly functions: LogFunctions;
  private path: string;
  /** Kept alive for the addon, which holds it weakly. */
  readonly onProgress: () => void;

  /** Rejects with AofError. */
  static async open(binding: Binding, options: BlockLogOptions): Promise<NativeLog> {
    const { path, position, session, lsn, checksum, retainUntilSynced, onProgress } = options;
    try {
      const functions = await binding.openLog(path, position, session, lsn, checksum, retainUntilSynced, onProgress);
      return new NativeLog(functions, path, onProgress);
    } catch (error) {
      throw fromAddon(error, path);
    }
  }

  private constructor(functions: LogFunctions, path: string, onProgress: () => void) {
    this.functions = functions;
    this.path = path;
    this.onProgress = onProgress;
    this.append = functions.append;
    this.appendRaw = functions.appendRaw;
    this.appendRawChecked = functions.appendRawChecked;
    this.select = functions.select;
    this.appendTimestamp = functions.appendTimestamp;
    this.beginUnit = functions.beginUnit;
    this.endUnit = functions.endUnit;
    this.tick = functions.tick;
    this.flush = functions.flush;
    this.mark = functions.mark;
    this.setRetain = functions.setRetain;
    this.setChecksum = functions.setChecksum;
    this.setWriteDelay = functions.setWriteDelay;
    this.status = functions.status;
    this.resume = functions.resume;
    this.switchToNext = functions.switchToNext;
    this.resumeTarget = functions.resumeTarget;
    this.writeOutSync = functions.writeOutSync;
  }

  appendArray(argv: readonly Arg[]): number {
    return argv.length <= SPREAD_MAX ? this.append(...argv) : this.functions.appendArray(argv);
  }

  async openNext({ path, position, session }: BlockLogTarget): Promise<void> {
    await this.withErrors(this.functions.openNext(path, position, session), path);
    this.path = path;
  }

  async roll({ path, position, session }: BlockLogTarget): Promise<RollCut> {
    const cut = await this.withErrors(this.functions.roll(path, position, session), path);
    this.path = path;
    return cut;
  }

  async truncate(offset: number): Promise<void> {
    await this.withErrors(this.functions.truncate(offset), this.path);
  }

  async close(): Promise<void> {
    await this.withErrors(this.functions.close(), this.path);
  }

  private async withErrors<T>(done: Promise<T>, path: string): Promise<T> {
    try {
      return await done;
    } catch (error) {
      throw fromAddon(error, path);
    }
  }
}
