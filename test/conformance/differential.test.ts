/**
 * Random sequences of calls: both backends return the same numbers and make the same files, annotations included, and the
 * payload is that of a naive encoder. A record is refused by appendRawChecked exactly where an independent reading refuses.
 * EVERYSEC_SEED repeats a run, EVERYSEC_LONG=1 makes many.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { createFallbackBackend } from '../../src/backend/fallback/fallback-backend.js';
import { guardBackend } from '../../src/backend/guarded-backend.js';
import { createNodeEnv } from '../../src/env/node-env.js';
import { closeRigs, LogRig } from '../support/log-rig.js';
import { nativeFactory } from '../support/native-factory.js';
import { Random, sized, testSeed } from '../support/seeded-random.js';
import { expectedPayload, makeScript, runScript, type Step, statusOf } from './log-script.js';
import { payloadOfMixed } from './oracle.js';

const native = nativeFactory();
const factories = [
  { name: 'fallback', makeBackend: () => guardBackend(createFallbackBackend(createNodeEnv())) },
  ...(native === null ? [] : [native]),
];
const firstSeed = testSeed();
const names = factories.map(({ name }) => name).join(', ');

/** Whole canonical records, none of them the engine's own: by a regular expression for headers, nothing shared with src/. */
function isRefused(step: Step): boolean {
  if (step.do !== 'appendRawChecked') return false;
  const text = step.bytes.latin1Slice(step.start, step.end);
  const header = /([*$])(0|[1-9][0-9]{0,9})\r\n/y;
  for (let at = 0; at < text.length; ) {
    const take = (sign: string): number => {
      header.lastIndex = at;
      const found = header.exec(text);
      if (found === null || found[1] !== sign) return -1;
      at = header.lastIndex;
      return Number(found[2]);
    };
    const argc = take('*');
    if (argc < 1 || argc > 1_048_576) return true;
    for (let i = 0; i < argc; i++) {
      const length = take('$');
      if (length < 0 || length > 512 * 1024 * 1024 || text.slice(at + length, at + length + 2) !== '\r\n') return true;
      if (i === 0 && /^(select|multi|exec|discard|watch)$/i.test(text.slice(at, at + length))) return true;
      at += length + 2;
    }
  }
  return false;
}

describe(`the same calls make the same bytes: ${names}, oracle`, () => {
  afterEach(closeRigs);

  it.each(Array.from({ length: sized(12, 400) }, (_, i) => firstSeed + i))('seed %i', async (seed) => {
    const random = new Random(seed);
    const options = {
      lsn: random.pick([0, 12_345, 2 ** 40]),
      checksum: random.chance(0.8),
      retainUntilSynced: random.chance(0.5),
    };
    const steps = makeScript(random, sized(120, 300));
    const payload = expectedPayload(steps, isRefused);
    const results = [];
    for (const { makeBackend } of factories) {
      const rig = await LogRig.open(makeBackend(), options);
      const { returned, paths } = await runScript(rig, steps);
      const files = paths.map((path) => rig.file(path));
      expect(Buffer.concat(files.map(payloadOfMixed)).equals(payload)).toBe(true);
      expect(returned.filter((lsn) => lsn >= 0).at(-1) ?? options.lsn).toBe(options.lsn + payload.length);
      results.push({ returned, status: statusOf(rig), files: files.map((file) => file.latin1Slice()) });
      await rig.close();
    }
    const [first, ...others] = results;
    for (const other of others) {
      expect(other.returned).toEqual(first?.returned);
      expect(other.status).toEqual(first?.status);
      expect(other.files.map(annotations)).toEqual(first?.files.map(annotations));
      expect(other.files.every((file, i) => file === first?.files[i])).toBe(true);
    }
  });
});

/** For a readable difference before the bytes are compared. */
function annotations(file: string): string[] {
  return file.match(/#EVS1 [0-9a-f]+ [0-9a-f]+ [0-9a-f]+ [0-9a-f]{8}[^\r]*/g) ?? [];
}
