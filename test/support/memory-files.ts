/** The simulated file port where only the live image matters. */
export { SimFiles as MemoryFiles } from './sim/sim-files.js';
