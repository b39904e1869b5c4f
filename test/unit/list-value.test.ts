/** A list in packed chunks beside an array of strings: the same elements after every change, and what a snapshot froze never changes. */
import { describe, expect, it } from 'vitest';
import { type FrozenList, ListValue } from '../../src/keyspace/types/list-value.js';
import { lengthAt, lengthBytes } from '../../src/keyspace/types/packed-format.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';

const seed = testSeed();

function elements(list: ListValue): string[] {
  const out: string[] = [];
  if (list.length === 0) return out;
  const place = list.place(0);
  do out.push(list.view(place).latin1Slice());
  while (list.forward(place));
  return out;
}

function backwards(list: ListValue): string[] {
  const out: string[] = [];
  if (list.length === 0) return out;
  const place = list.place(list.length - 1);
  do out.push(list.view(place).latin1Slice());
  while (list.backward(place));
  return out.reverse();
}

function frozen({ chunks }: FrozenList): string[] {
  const out: string[] = [];
  for (const chunk of chunks) {
    for (let at = chunk.start; at < chunk.end; at = chunk.after(at)) {
      const length = lengthAt(chunk.bytes, at);
      const from = at + lengthBytes(length);
      out.push(chunk.bytes.latin1Slice(from, from + length));
    }
  }
  return out;
}

describe('a list', () => {
  it('is what an array is, whatever is done to it, and a frozen one stays as it was', () => {
    const seen = { clones: 0, froze: 0, many: 0 };
    for (let run = 0; run < sized(30, 600); run++) {
      const random = new Random(seed + run);
      const list = new ListValue();
      const model: string[] = [];
      let snapshot: { value: FrozenList; model: string[] } | null = null;
      const label = `run ${run}, seed ${seed}`;
      const longest = random.pick([3, 40, 700, 9000, 40_000]);
      for (let step = 0; step < 400; step++) {
        const text = String.fromCharCode(97 + random.below(26)).repeat(random.logBetween(1, longest) - 1);
        const bytes = Buffer.from(`<${text}>`, 'latin1');
        const [from, to] = [1, bytes.length - 1];
        const index = model.length === 0 ? 0 : random.below(model.length);
        switch (model.length === 0 ? random.below(2) : random.below(11)) {
          case 0:
            for (let i = random.below(20); i >= 0; i--) {
              list.pushTail(bytes, from, to);
              model.push(text);
            }
            break;
          case 1:
            for (let i = random.below(20); i >= 0; i--) {
              list.pushHead(bytes, from, to);
              model.unshift(text);
            }
            break;
          case 2:
          case 3:
            list.insertBefore(list.place(index), bytes, from, to);
            model.splice(index, 0, text);
            break;
          case 4:
            list.insertAfter(list.place(index), bytes, from, to);
            model.splice(index + 1, 0, text);
            break;
          case 5:
          case 6:
            list.replace(list.place(index), bytes, from, to);
            model[index] = text;
            break;
          case 7: {
            const place = list.place(index);
            const isMore = list.remove(place);
            model.splice(index, 1);
            expect(isMore, label).toBe(index < model.length);
            if (isMore) expect(list.view(place).latin1Slice(), label).toBe(model[index]);
            break;
          }
          case 8: {
            const count = random.below(Math.min(model.length - index, 30) + 1);
            list.removeRange(index, count);
            model.splice(index, count);
            break;
          }
          case 9:
            expect(list.view(list.place(index)).latin1Slice(), label).toBe(model[index]);
            expect(list.equals(list.place(index), bytes, from, to), label).toBe(text === model[index]);
            break;
          default:
            if (snapshot !== null) expect(frozen(snapshot.value), label).toEqual(snapshot.model);
            snapshot = { value: list.image(), model: [...model] };
            seen.froze++;
        }
        expect(list.length, label).toBe(model.length);
      }
      expect(elements(list), label).toEqual(model);
      expect(backwards(list), label).toEqual(model);
      if (snapshot !== null) {
        const { value } = snapshot;
        expect(frozen(value), label).toEqual(snapshot.model);
        if (list.image().chunks.some((chunk) => !value.chunks.includes(chunk))) seen.clones++;
      }
      if (list.image().chunks.length > 3) seen.many++;
      expect(elements(list.copy()), label).toEqual(model);
    }
    expect(Math.min(seen.froze, seen.clones, seen.many), `too few: ${JSON.stringify(seen)}, seed ${seed}`).toBeGreaterThan(5);
  });

  it('keeps its chunks at 8 KiB, but for one element that is longer', () => {
    const list = new ListValue();
    const random = new Random(seed);
    for (let i = 0; i < 5000; i++) {
      const bytes = Buffer.alloc(random.logBetween(1, 20_000));
      if (i % 3 === 0) list.pushHead(bytes, 0, bytes.length);
      else
        list.insertAfter(list.place(random.below(Math.max(list.length, 1)) % Math.max(list.length, 1)), bytes, 0, bytes.length);
    }
    for (const chunk of list.image().chunks) expect(chunk.size <= 8192 || chunk.count === 1).toBe(true);
  });

  it('copies one chunk for one change below a snapshot', () => {
    const list = new ListValue();
    const element = Buffer.from('element');
    for (let i = 0; i < 100_000; i++) list.pushTail(element, 0, 7);
    const before = list.image();
    list.replace(list.place(50_000), Buffer.from('changed'), 0, 7);
    list.pushTail(element, 0, 7);
    const after = list.image();
    const shared = after.chunks.filter((chunk) => before.chunks.includes(chunk)).length;
    expect(before.chunks.length).toBeGreaterThan(50);
    expect(before.chunks.length - shared).toBe(2);
  });
});
