/** The addon in several environments of one process, and environments that end in the middle. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { payloadOf } from '../conformance/oracle.js';
import { nativeFactory } from '../support/native-factory.js';
import { removeTempDirs, tempDir } from '../support/temp-dirs.js';
import { ended, runChild } from './child-process.js';

/** `start(name)`: a worker that appends and flushes without end, and says so once. */
const WORKERS = `
  const { Worker } = require('node:worker_threads');
  const body = \`
    const { parentPort, workerData } = require('node:worker_threads');
    const addon = require(workerData.addonPath);
    (async () => {
      const log = await addon.openLog(workerData.file, 0, '0123abcd', 0, true, true, () => {});
      parentPort.on('message', async () => { log.flush(true); await log.close(); parentPort.postMessage('closed'); parentPort.close(); });
      const step = () => {
        try { for (let i = 0; i < 500; i++) log.append('SET', 'key', 'value'); log.flush(true); } catch { return; }
        setImmediate(step);
      };
      step();
      parentPort.postMessage('running');
    })();\`;
  const start = async (name) => {
    const file = path.join(directory, name);
    fs.writeFileSync(file, '');
    const worker = new Worker(body, { eval: true, workerData: { addonPath, file } });
    await new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject); });
    return worker;
  };
  const close = (worker) => new Promise((resolve) => { worker.once('message', resolve); worker.postMessage('close'); });
`;

describe.skipIf(nativeFactory() === null)('worker threads', () => {
  afterEach(removeTempDirs);

  it('each has logs of its own; terminating one leaves the others alone', async () => {
    const directory = tempDir('workers');
    const script = `${WORKERS}
      const [first, second] = await Promise.all([start('first'), start('second')]);
      const mine = await open('mine');
      await first.terminate();
      fill(mine, 1000);
      mine.flush(true);
      await mine.close();
      console.log(await close(second));`;
    expect(await runChild(script, directory)).toEqual(ended('closed'));
    // All that was flushed when the worker ended is whole.
    for (const name of ['first', 'second', 'mine'])
      expect(payloadOf(readFileSync(join(directory, name)), 0).length).toBeGreaterThan(0);
  });

  it('workers that are terminated at any moment neither crash the process nor leave threads', async () => {
    const directory = tempDir('workers');
    const script = `${WORKERS}
      for (let i = 0; i < 25; i++) {
        const worker = await start('log' + i);
        if (i % 2) await new Promise((resolve) => setTimeout(resolve, i));
        await worker.terminate();
      }
      await gone();`;
    expect(await runChild(script, directory)).toEqual(ended('0 0'));
    for (let i = 0; i < 25; i++) payloadOf(readFileSync(join(directory, `log${i}`)), 0);
  });

  it('an addon that only a worker loaded outlives it', async () => {
    const directory = tempDir('workers');
    // In a process below the child, whose main thread has loaded it already.
    const script = `${WORKERS}
      const { spawnSync } = require('node:child_process');
      const source = \`
        const fs = require('node:fs'), path = require('node:path'), { Worker } = require('node:worker_threads');
        const addonPath = \${JSON.stringify(addonPath)}, directory = \${JSON.stringify(directory)}, body = \${JSON.stringify(body)};
        const start = \${start.toString()};
        (async () => { for (let i = 0; i < 5; i++) { const worker = await start('only' + i); await worker.terminate(); } console.log('alive'); })();\`;
      const done = spawnSync(process.execPath, ['-e', source], { encoding: 'utf8' });
      console.log(done.status, done.signal, done.stdout.trim(), done.stderr);`;
    expect(await runChild(script, directory)).toEqual(ended('0 null alive '));
  });

  it('a lock that a worker held is free when the worker has ended', async () => {
    const directory = tempDir('workers');
    const script = `
      const { Worker } = require('node:worker_threads');
      const file = path.join(directory, 'lock');
      fs.writeFileSync(file, '');
      const body = "const { workerData, parentPort } = require('node:worker_threads'); globalThis.held = require(workerData.addonPath).tryFileLock(workerData.file); parentPort.postMessage(typeof globalThis.held); setInterval(() => {}, 1000);";
      const worker = new Worker(body, { eval: true, workerData: { addonPath, file } });
      console.log(await new Promise((resolve) => worker.once('message', resolve)), addon.tryFileLock(file));
      await worker.terminate();
      const release = addon.tryFileLock(file);
      console.log(typeof release, addon.tryFileLock(file));
      release();
      console.log(typeof addon.tryFileLock(file));`;
    expect(await runChild(script, directory)).toEqual(ended('function null', 'function null', 'function'));
  });
});
