/** The randomness of the rigs themselves. */
import { expect, it } from 'vitest';
import { Random } from '../support/seeded-random.js';

it('a seed gives the same numbers again, and other ones than its neighbour', () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 50 }, () => random.below(1_000_000));
  };
  expect(draw(7)).toEqual(draw(7));
  expect(new Set([...draw(7), ...draw(8), ...draw(9)]).size).toBeGreaterThan(140);
});

it('numbers do not come round again within a rig, and are spread evenly', () => {
  const random = new Random(1234);
  const seen = new Set<number>();
  const counts = new Array<number>(64).fill(0);
  for (let i = 0; i < 200_000; i++) {
    const number = random.below(2 ** 32);
    seen.add(number);
    const bin = number >>> 26;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  // With 2^32 to choose from, about five are drawn twice.
  expect(seen.size).toBeGreaterThan(199_900);
  expect(Math.min(...counts)).toBeGreaterThan(2_800);
  expect(Math.max(...counts)).toBeLessThan(3_450);
});
