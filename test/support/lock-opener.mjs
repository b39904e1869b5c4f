// A process that opens and releases a directory when told to: `open` answers `held` or the error's code, `release` answers
// `released`. Runs the compiled code, as a user's process does. Arguments: the directory, the backend.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
const { acquireDirectoryLock } = require('../../dist/cjs/aof/lock/directory-lock.js');
const { createNodeEnv } = require('../../dist/cjs/env/node-env.js');

const { loadBackend } = require('../../dist/cjs/backend/load-backend.js');

const [directory, wanted] = process.argv.slice(2);
const env = createNodeEnv();
const backend = await loadBackend(env, wanted);
let lock = null;

console.log('ready');
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'open') {
    try {
      lock = await acquireDirectoryLock({
        env,
        directory,
        appendfilename: 'a',
        tryFileLock: (path) => backend.tryFileLock(path),
      });
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
