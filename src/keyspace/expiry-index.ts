/**
 * The keys that have an expiry time, side by side in two dense arrays: a random one is one random number away, and a key
 * without expiry costs nothing here.
 */
import { NO_EXPIRY } from './keyspace.js';

export interface Expiring {
  /** Where it stands in the index; -1: no expiry time. */
  expirySlot: number;
}

export class ExpiryIndex<N extends Expiring> {
  private nodes: N[] = [];
  private deadlines = new Float64Array(16);

  get size(): number {
    return this.nodes.length;
  }

  deadline(node: N): number {
    return node.expirySlot < 0 ? NO_EXPIRY : (this.deadlines[node.expirySlot] as number);
  }

  set(node: N, atMs: number): void {
    if (node.expirySlot < 0) {
      node.expirySlot = this.nodes.length;
      this.nodes.push(node);
      if (this.nodes.length > this.deadlines.length) {
        const larger = new Float64Array(this.deadlines.length * 2);
        larger.set(this.deadlines);
        this.deadlines = larger;
      }
    }
    this.deadlines[node.expirySlot] = atMs;
  }

  /** Whether it was there. The last one takes its place. */
  remove(node: N): boolean {
    const slot = node.expirySlot;
    if (slot < 0) return false;
    const last = this.nodes.pop() as N;
    if (last !== node) {
      this.deadlines[slot] = this.deadlines[last.expirySlot] as number;
      this.nodes[slot] = last;
      last.expirySlot = slot;
    }
    node.expirySlot = -1;
    return true;
  }

  random(random: () => number): N | null {
    return this.nodes[Math.floor(random() * this.nodes.length)] ?? null;
  }
}
