// The store of examples/plain-map.mjs under load until it is killed: writes, and rewrites one after the other beside them.
//   node test/support/map-store-child.mjs <dir> <backend> <first write> | dump
// dump: opens it, says all that is in it as JSON, and closes it. Else it says `synced <n>` when the writes below n are on disk, `rewritten` after each rewrite.
import { setImmediate as turn } from 'node:timers/promises';
import { openMapStore } from '../../examples/plain-map.mjs';
import { applyWrite } from './map-store-writes.mjs';

const [dir, backend, first] = process.argv.slice(2);
const store = await openMapStore({ dir, backend, appendfsync: 'everysec', autoAofRewritePercentage: 0 });
const say = (line) => process.stdout.write(`${line}\n`);

if (first === 'dump') {
  await new Promise((resolve) => process.stdout.write(JSON.stringify([...store.data]), resolve));
  await store.close();
  process.exit();
}

(async () => {
  for (;;) {
    await store.rewrite();
    say('rewritten');
  }
})();

let synced = Promise.resolve();
for (let i = Number(first); ; ) {
  for (const end = i + 100; i < end; i++) applyWrite(store, i);
  const done = i;
  synced = synced.then(() => store.synced()).then(() => say(`synced ${done}`));
  if (i % 1000 === 0) await synced;
  await turn();
}
