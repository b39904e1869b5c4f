import type { FieldPage } from '../../keyspace/types/field-page.js';
import { matchGlob } from '../../resp/glob.js';
import { FIRST_KEY } from '../arguments.js';
import { parseCursor, parseScanOptions } from '../scan-options.js';
import type { CommandSpec } from '../spec.js';
import { readHash } from './hash-at.js';

/** Pages visited per element asked for, where most are empty. */
const PAGES_PER_ELEMENT = 10;

export const hscan: CommandSpec = {
  name: 'hscan',
  arity: -3,
  flags: ['readonly'],
  keys: FIRST_KEY,
  categories: ['@read', '@hash', '@slow'],
  summary: 'Goes on walking over the fields of a hash.',
  since: '2.8.0',
  group: 'hash',
  execute(ctx) {
    const { argv, reply } = ctx;
    let cursor = parseCursor(argv, 2);
    const hash = readHash(ctx);
    const found: Buffer[] = [];
    let visited = 0;
    if (hash === null) {
      // The options are not looked at.
      cursor = 0;
    } else {
      const { pattern, count } = parseScanOptions(argv, 3, false);
      const visit = (page: FieldPage, at: number) => {
        visited++;
        const [from, to] = [page.fieldStart(at), page.fieldEnd(at)];
        if (pattern !== null && !matchGlob(pattern, page.bytes, from, to)) return;
        found.push(page.bytes.subarray(from, to), page.bytes.subarray(page.valueStart(at), page.valueEnd(at)));
      };
      let pagesLeft = count * PAGES_PER_ELEMENT;
      do cursor = hash.scan(cursor, visit);
      while (cursor !== 0 && visited < count && --pagesLeft > 0);
    }
    reply.array(2);
    reply.bulk(String(cursor));
    reply.array(found.length);
    for (const bytes of found) reply.bulk(bytes);
  },
};
