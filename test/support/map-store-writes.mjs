// The writes of map-store-child.mjs: the same for the same number, so that content tells how many of them there were. Among them are
// some that lead elsewhere when they are applied twice: a base that is not exact is seen in the end.
const KEYS = 20_000;
const COUNTERS = 3000;

/** `store`: has set(key, value), delete(key) and incrBy(key, by). */
export function applyWrite(store, i) {
  if (i % 7 === 3) store.delete(`key:${(i * 31) % KEYS}`);
  else if (i % 3 === 0) store.incrBy(`counter:${(i * 17) % COUNTERS}`, i % 11);
  else store.set(`key:${(i * 7919) % KEYS}`, `${i} ${'x'.repeat(i % 50)}`);
}
