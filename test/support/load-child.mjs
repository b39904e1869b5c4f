// A process that loads a directory into a host without data, and tells what it took: commands, seconds, the peak of its memory.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { AppendOnlyFile } = require('../../dist/cjs/aof.js');

const [dir, backend] = process.argv.slice(2);
let commands = 0;
const host = {
  apply: () => {},
  applyView: () => {
    commands += 1;
  },
};
const before = process.memoryUsage().rss;
const begin = performance.now();
const aof = await AppendOnlyFile.open({ dir, backend, host, autoAofRewritePercentage: 0 });
const seconds = (performance.now() - begin) / 1000;
await aof.close();
console.log(JSON.stringify({ commands, seconds, rssBefore: before, rssPeak: process.resourceUsage().maxRSS * 1024 }));
