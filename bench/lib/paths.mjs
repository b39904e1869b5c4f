/** Where things are, relative to this file: the package may lie anywhere. */
import { fileURLToPath } from 'node:url';

export const packageRoot = fileURLToPath(new URL('../../', import.meta.url));
export const benchRoot = fileURLToPath(new URL('../', import.meta.url));
export const recordRoot = fileURLToPath(new URL('../record/', import.meta.url));
