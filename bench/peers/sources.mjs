/** The directories that the loading rows start from, written by the log itself, as one incr file. */
import { once } from 'node:events';
import { keyOf } from '../lib/keys.mjs';
import { makePool } from '../lib/pool.mjs';
import { importDoor, openLog } from './everysec.mjs';
import { logBytesIn } from './page-cache.mjs';

const ELEMENTS = 5;

/** 5 elements of 16 bytes for each key; sets and sorted sets of strings, streams of one field. */
const MIXED_KINDS = {
  list: (key, elements) => [['RPUSH', key, ...elements]],
  hash: (key, elements) => [['HSET', key, ...elements.flatMap((element, i) => [`field-${i}`, element])]],
  set: (key, elements) => [['SADD', key, ...elements]],
  'sorted set': (key, elements) => [['ZADD', key, ...elements.flatMap((element, i) => [String(i), element])]],
  stream: (key, elements) => elements.map((element, i) => ['XADD', key, `1-${i + 1}`, 'field', element]),
};

/** `keys` different SETs of the usual size; values are random text, which does not shrink where a server compresses. */
export async function prepareKeys({ source, keys, backend }) {
  const { values, mask } = makePool();
  return write(source, backend, async (append) => {
    for (let i = 0; i < keys; i++) await append('SET', keyOf(i), values[i & mask]);
  });
}

/** `keys` keys, of each kind that the store knows as many. Returns the kinds too. */
export async function prepareMixed({ source, keys, backend }) {
  const kinds = await knownKinds(backend);
  const made = await write(source, backend, async (append) => {
    for (let i = 0; i < keys; i++) {
      const elements = Array.from({ length: ELEMENTS }, (_, k) => keyOf(i * ELEMENTS + k));
      for (const command of MIXED_KINDS[kinds[i % kinds.length]](keyOf(i), elements)) await append(...command);
    }
  });
  return { ...made, kinds };
}

async function write(source, backend, appendAll) {
  const aof = await openLog({ dir: source, backend });
  await appendAll((...command) => {
    aof.append(0, ...command);
    return aof.writable ? undefined : once(aof, 'drain');
  });
  await aof.synced();
  await aof.close();
  return { fileBytes: logBytesIn(source) };
}

/** Those whose command a store answers for: the row holds all types there are, and names them. */
async function knownKinds(backend) {
  const { open } = await importDoor('index');
  const db = await open({ backend, appendonly: false });
  const names = Object.keys(MIXED_KINDS);
  const commands = names.map((name) => MIXED_KINDS[name]('key', ['element'])[0][0]);
  const answers = db.call('COMMAND', 'INFO', ...commands);
  await db.close();
  return names.filter((_, i) => answers[i] !== null);
}
