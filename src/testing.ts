/** The door `everysec/testing`: proofs for those who bring a host of their own. No test runner is needed, and any will do. */
export {
  type ConformanceCase,
  type HostConformanceOptions,
  type HostUnderTest,
  hostConformance,
  proveHost,
} from './testing/host-conformance.js';
export type { HostLog } from './testing/suite-log.js';
export type { SuiteRandom } from './testing/suite-random.js';
