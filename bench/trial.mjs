/**
 * The process of one trial: `node bench/trial.mjs '{"subject":"lmdb","measure":"appendStrings","params":{...}}'`. A subject
 * is a file in peers/; a measure is a function that it exports. Every measure of that name does the same work.
 */
import { Unavailable } from './lib/unavailable.mjs';

/** Which file plays a subject; `backend` and the like come with the subject's name. */
const SUBJECTS = {
  native: ['everysec', { backend: 'native' }],
  fallback: ['everysec', { backend: 'fallback' }],
  'native-plain': ['everysec', { backend: 'native', aofChecksum: false }],
  'fallback-plain': ['everysec', { backend: 'fallback', aofChecksum: false }],
  'redis-server': ['servers', { server: 'redis-server' }],
  'bare-server': ['servers', { server: 'bare-server' }],
};

const { subject, measure, params } = JSON.parse(process.argv[2] ?? '{}');
const [file, extra] = SUBJECTS[subject] ?? [subject, {}];

try {
  const peer = await import(`./peers/${file}.mjs`);
  const result = await peer[measure]({ ...params, ...extra });
  const usage = process.resourceUsage();
  result.cpuSeconds ??= (usage.userCPUTime + usage.systemCPUTime) / 1e6;
  result.maxRssMiB ??= Math.round(usage.maxRSS / 1024);
  finish(result);
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  finish({ unavailable: error.message });
}

function finish(result) {
  process.stdout.write(`\n${JSON.stringify(result)}\n`, () => process.exit(0));
}
