import { describe, expect, it } from 'vitest';
import { ReplyGate } from '../../src/server/reply-gate.js';

describe('reply gate', () => {
  it('lets a prefix go, in order, and keeps the rest', () => {
    const gate = new ReplyGate();
    const sent: string[] = [];
    const held = (name: string) => ({
      releaseUpTo: (position: number) => void sent.push(`${name}${position}`),
      logFailed: () => void sent.push(`${name} failed`),
    });
    const [a, b] = [held('a'), held('b')];
    gate.hold(a, 5, 10, 10);
    gate.hold(b, 7, 20, 20);
    gate.hold(a, 9, 30, 30);
    gate.release(9);
    expect(sent).toEqual([]);
    gate.release(20);
    expect(sent).toEqual(['a5', 'b7']);
    expect(gate.size).toBe(1);
    gate.release(Number.POSITIVE_INFINITY);
    expect(sent).toEqual(['a5', 'b7', 'a9']);
    expect(gate.size).toBe(0);
  });

  it('tells each waiter once when the log has failed, and lets nothing go after that', () => {
    const gate = new ReplyGate();
    const told: string[] = [];
    const waiter = { releaseUpTo: () => void told.push('released'), logFailed: () => void told.push('failed') };
    gate.hold(waiter, 1, 10, 10);
    gate.hold(waiter, 2, 20, 20);
    gate.fail();
    gate.release(Number.POSITIVE_INFINITY);
    expect(told).toEqual(['failed']);
  });

  it('lets those go that wait for others only, and keeps every client in order', () => {
    const gate = new ReplyGate();
    const sent: string[] = [];
    const held = (name: string) => ({
      releaseUpTo: (position: number) => void sent.push(`${name}${position}`),
      logFailed: () => void sent.push(`${name} failed`),
    });
    const [reader, writer, late] = [held('r'), held('w'), held('l')];
    gate.hold(writer, 1, 10, 10);
    gate.hold(writer, 2, 20, 20);
    gate.hold(reader, 3, 20, 0);
    gate.hold(late, 4, 20, 10);
    gate.hold(writer, 5, 25, 20);
    gate.hold(reader, 6, 30, 0);
    gate.releaseReads(15);
    expect(sent).toEqual(['w1', 'r3', 'l4', 'r6']);
    expect(gate.size).toBe(2);
    gate.hold(reader, 7, 40, 40);
    gate.release(25);
    expect(sent.slice(4)).toEqual(['w2', 'w5']);
    gate.fail();
    expect(sent.slice(6)).toEqual(['r failed']);
  });

  it('stays in order over many rounds of partial release', () => {
    const gate = new ReplyGate();
    let next = 0;
    const connection = { releaseUpTo: (position: number) => expect(position).toBe(next++), logFailed: () => {} };
    for (let i = 0; i < 20_000; i++) {
      gate.hold(connection, i, i, i);
      if (i % 3 === 0) gate.release(i - 5000);
    }
    gate.release(20_000);
    expect(next).toBe(20_000);
  });
});
