/** Arguments that try to change the world while they are read: nothing is appended by half, and nothing is read twice. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Arg } from '../../src/backend/backend.js';
import { encodeRecord } from '../conformance/oracle.js';
import { closeRigs, LogRig } from '../support/log-rig.js';
import { nativeFactory } from '../support/native-factory.js';

const native = nativeFactory();
/** More than go over the stack. */
const MANY = 100;

describe.skipIf(native === null)('hostile arguments', () => {
  afterEach(closeRigs);
  const open = () => {
    if (native === null) throw new Error('skipped');
    return LogRig.open(native.makeBackend());
  };

  it('an element that appends while it is read comes out before the record it belongs to', async () => {
    const rig = await open();
    const argv: Arg[] = Array.from({ length: MANY }, (_, i) => `a${i}`);
    Object.defineProperty(argv, 50, {
      get: () => {
        rig.log.append('INNER');
        rig.log.flush(false);
        return 'read';
      },
    });
    rig.log.appendArray(argv);
    await rig.flush();
    const expected = Array.from({ length: MANY }, (_, i) => (i === 50 ? 'read' : `a${i}`));
    expect(rig.payload()).toEqual(Buffer.concat([encodeRecord('INNER'), encodeRecord(...expected)]));
  });

  it('an element that throws while it is read appends nothing and throws that', async () => {
    const rig = await open();
    const argv: Arg[] = Array.from({ length: MANY }, () => 'a');
    Object.defineProperty(argv, 99, {
      get: () => {
        throw new Error('mine');
      },
    });
    expect(() => rig.log.appendArray(argv)).toThrow('mine');
    expect(rig.stat('appendedLsn')).toBe(0);
  });

  it('an element that closes the log while it is read is told that it is closed', async () => {
    const rig = await open();
    const argv: Arg[] = Array.from({ length: MANY }, () => 'a');
    Object.defineProperty(argv, 99, { get: () => void rig.log.close() });
    expect(() => rig.log.appendArray(argv)).toThrow(expect.objectContaining({ code: 'AOF_CLOSED' }));
  });

  it('memory that is detached, shared, on the heap or a view of more is taken for what it holds now', async () => {
    const rig = await open();
    const detached = new Uint8Array(100);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(0x61);
    const view = new Uint8Array(Uint8Array.from([1, 2, 3, 4, 5]).buffer, 1, 3);
    rig.log.append('SET', detached, shared, view, new Uint8Array([9]));
    await rig.flush();
    expect(rig.payload()).toEqual(encodeRecord('SET', '', 'aaa', Buffer.from([2, 3, 4]), Buffer.from([9])));
  });

  it.each([
    ['a proxy of bytes', new Proxy(new Uint8Array(3), {})],
    ['a boxed string', Object('text')],
    ['something with a length', { length: 3, buffer: new ArrayBuffer(3) }],
    ['other typed arrays', new Uint8ClampedArray(3)],
    ['a bigint', 1n],
    ['a symbol', Symbol('s')],
    ['a function', () => 'x'],
  ])('%s is no argument', async (_, value) => {
    const rig = await open();
    expect(() => rig.log.append('SET', 'k', value as Arg)).toThrow(TypeError);
    expect(() => rig.log.appendArray(Array.from({ length: MANY }, () => value as Arg))).toThrow(TypeError);
    expect(() => rig.log.appendRaw(value as Uint8Array, 0, 1)).toThrow();
    expect(rig.stat('appendedLsn')).toBe(0);
  });

  it.each([
    [0, 4],
    [-1, 2],
    [2, 2],
    [1.5, 2],
    [0, Number.NaN],
    [0, 2 ** 53],
    [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
  ])('raw bytes from %d to %d of three are refused', async (start, end) => {
    const rig = await open();
    expect(() => rig.log.appendRaw(new Uint8Array(3), start, end)).toThrow(RangeError);
    expect(() => rig.log.appendRawChecked(new Uint8Array(3), start, end)).toThrow(RangeError);
    expect(rig.stat('appendedLsn')).toBe(0);
  });
});
