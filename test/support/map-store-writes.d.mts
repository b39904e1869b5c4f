export interface WrittenStore {
  set(key: string, value: string): unknown;
  delete(key: string): unknown;
  incrBy(key: string, by: number): unknown;
}
export function applyWrite(store: WrittenStore, i: number): void;
