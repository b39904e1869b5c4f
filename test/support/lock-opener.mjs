// A process that opens and releases a directory when told to: `open` answers `held` or the error's code, `release` answers
// `released`. Runs the compiled code, as a user's process does.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
const { acquireDirectoryLock } = require('../../dist/cjs/aof/lock/directory-lock.js');
const { createNodeEnv } = require('../../dist/cjs/env/node-env.js');

const [directory] = process.argv.slice(2);
const env = createNodeEnv();
let lock = null;

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'open') {
    try {
      lock = await acquireDirectoryLock({ env, directory, appendfilename: 'a' });
      console.log('held');
    } catch (error) {
      console.log(error.code);
    }
  } else {
    await lock?.release();
    lock = null;
    console.log('released');
  }
}
