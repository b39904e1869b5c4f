// Methods of Node's Buffer that exist in every release we support and that @types/node leaves out: the fixed-encoding forms,
// which skip the look-up of an encoding's name.
declare global {
  interface Buffer {
    utf8Slice(start?: number, end?: number): string;
    latin1Slice(start?: number, end?: number): string;
    utf8Write(text: string, offset?: number, length?: number): number;
    latin1Write(text: string, offset?: number, length?: number): number;
  }
}

export {};
