/** How often each situation has come about: a simulation that never meets a fault proves nothing about it. */
export class Situations {
  private readonly counts = new Map<string, number>();

  note(situation: string, times = 1): void {
    this.counts.set(situation, (this.counts.get(situation) ?? 0) + times);
  }

  count(situation: string): number {
    return this.counts.get(situation) ?? 0;
  }

  add(other: Situations): void {
    for (const [situation, times] of other.counts) this.note(situation, times);
  }

  /** One line per group: the word before the colon. */
  toString(): string {
    const groups = new Map<string, string[]>();
    for (const [situation, times] of [...this.counts].sort()) {
      const [group = '', what = ''] = situation.split(': ');
      const list = groups.get(group) ?? [];
      groups.set(group, list);
      list.push(`${what === '' ? group : what} ${times}`);
    }
    return [...groups].map(([group, list]) => `  ${group}: ${list.join(', ')}`).join('\n');
  }
}
