/** Counters behind INFO's stats and errorstats sections. */

/** Redis keeps 16 samples, one each 100 ms. */
const SAMPLES = 16;
const ERROR_KINDS_MAX = 128;

export class Statistics {
  connections = 0;
  rejected = 0;
  commands = 0;
  inputBytes = 0;
  outputBytes = 0;
  reads = 0;
  writes = 0;
  errorReplies = 0;
  /** By the reply's first word: ERR, WRONGTYPE ... */
  readonly errors = new Map<string, number>();

  private readonly ops = new Rate();
  private readonly input = new Rate();
  private readonly output = new Rate();

  countError(text: string): void {
    this.errorReplies++;
    const space = text.indexOf(' ');
    const kind = space < 0 ? text : text.slice(0, space);
    const count = this.errors.get(kind);
    if (count !== undefined) this.errors.set(kind, count + 1);
    else if (this.errors.size < ERROR_KINDS_MAX) this.errors.set(kind, 1);
  }

  sample(nowMs: number): void {
    this.ops.sample(nowMs, this.commands);
    this.input.sample(nowMs, this.inputBytes);
    this.output.sample(nowMs, this.outputBytes);
  }

  get opsPerSecond(): number {
    return this.ops.perSecond();
  }

  get inputKbps(): number {
    return this.input.perSecond() / 1024;
  }

  get outputKbps(): number {
    return this.output.perSecond() / 1024;
  }

  /** CONFIG RESETSTAT. */
  reset(): void {
    this.connections = this.rejected = this.commands = this.inputBytes = this.outputBytes = 0;
    this.reads = this.writes = this.errorReplies = 0;
    this.errors.clear();
    for (const rate of [this.ops, this.input, this.output]) rate.reset();
  }
}

/** Mean growth of a counter over the last samples. */
class Rate {
  private readonly samples = new Float64Array(SAMPLES);
  private at = 0;
  private lastMs = 0;
  private lastCount = 0;

  sample(nowMs: number, count: number): void {
    const elapsed = nowMs - this.lastMs;
    if (this.lastMs > 0 && elapsed > 0) {
      this.samples[this.at] = ((count - this.lastCount) * 1000) / elapsed;
      this.at = (this.at + 1) % SAMPLES;
    }
    this.lastMs = nowMs;
    this.lastCount = count;
  }

  perSecond(): number {
    let sum = 0;
    for (const value of this.samples) sum += value;
    return sum / SAMPLES;
  }

  reset(): void {
    this.samples.fill(0);
    this.lastCount = 0;
    this.lastMs = 0;
  }
}
