// A store of your own: a plain Map, kept in an append-only file that redis-server can load too, and that is rewritten while you
// write. Run it twice, and press Ctrl-C whenever you like:
//
//   node examples/plain-map.mjs ./data
import { pathToFileURL } from 'node:url';
import { AppendOnlyFile, MapGuard } from 'everysec/aof';

export async function openMapStore(options) {
  const data = new Map();
  const sum = (key, by) => String(Number(data.get(key) ?? 0) + Number(by));
  const guard = new MapGuard({ data, encode: (key, value, emit) => emit('SET', key, value) });
  const host = {
    // What the log holds becomes data again. The memory of a command is the loader's: keep copies, as strings are.
    apply(_db, [name, key, value]) {
      if (name.toString() === 'SET') data.set(key.toString(), value.toString());
      else if (name.toString() === 'DEL') data.delete(key.toString());
      else if (name.toString() === 'INCRBY') data.set(key.toString(), sum(key.toString(), value));
      else throw new Error(`this store does not know ${name}`);
    },
    clear: () => data.clear(),
    // Data becomes a new base. The guard shows it as it was when this was called, whatever is written meanwhile.
    beginSnapshot: () => guard.beginSnapshot(),
  };
  const aof = await AppendOnlyFile.open({ ...options, host });
  return {
    data,
    get: (key) => data.get(key),
    set(key, value) {
      const lsn = aof.append(0, 'SET', key, value); // first: what the log refuses is not in the data either
      guard.touch(0, key); // before the write
      data.set(key, value);
      return lsn;
    },
    incrBy(key, by) {
      const lsn = aof.append(0, 'INCRBY', key, by);
      guard.touch(0, key);
      data.set(key, sum(key, by));
      return lsn;
    },
    delete(key) {
      if (!data.has(key)) return aof.appendedLsn;
      const lsn = aof.append(0, 'DEL', key);
      guard.touch(0, key);
      data.delete(key);
      return lsn;
    },
    synced: (lsn) => aof.synced(lsn), // on disk
    rewrite: () => aof.rewrite(),
    close: () => aof.close(),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const store = await openMapStore({ dir: process.argv[2] ?? './data' });
  const starts = Number(store.get('starts') ?? 0) + 1;
  console.log(`start ${starts}, ${store.data.size} keys`);
  store.set('starts', String(starts));
  const rewritten = store.rewrite();
  for (let i = 0; i < 100_000; i++) {
    store.set(`key:${i % 1000}`, `start ${starts}, write ${i}`);
    store.incrBy('writes', 1);
    if (i % 1000 === 0) await store.synced();
  }
  await rewritten;
  await store.close();
  console.log(`${store.get('writes')} writes in all, a rewrite in the middle of these, ${store.data.size} keys`);
}
