import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PcapWriter } from '../../src/logging/pcap-writer.ts';

/** So many bytes fit the disk; the write that would need more is a short one, and the next one fails. */
let room = Number.POSITIVE_INFINITY;

vi.mock(import('node:fs'), async (original) => {
  const fs = await original();
  const writeSync = (file: number, bytes: Buffer, at = 0): number => {
    const length = Math.min(bytes.length - at, room);
    if (length === 0) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    room -= length;
    return fs.writeSync(file, bytes, at, length);
  };
  return { ...fs, writeSync: writeSync as typeof fs.writeSync };
});

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pcap-'));
});

afterEach(() => {
  room = Number.POSITIVE_INFINITY;
  rmSync(folder, { recursive: true });
});

/** The packets of a capture; an error if the last one is not whole. */
function packetsOf(file: string): Buffer[] {
  const bytes = readFileSync(file);
  const packets: Buffer[] = [];
  for (let at = FILE_HEADER_BYTES; at < bytes.length; ) {
    const start = at + RECORD_HEADER_BYTES;
    const end = start + bytes.readUInt32BE(at + 8);
    if (end > bytes.length) throw new Error(`the record at ${at} is cut off`);
    packets.push(bytes.subarray(start, end));
    at = end;
  }
  return packets;
}

describe('a capture on a disk that fills up', () => {
  it.each([
    ['within a packet', 70_000],
    ['within the header of a record', FILE_HEADER_BYTES + 66 * 1016 + 5],
    ['right after a packet', FILE_HEADER_BYTES + 66 * 1016],
    ['within the second buffer', 100_000],
  ])('ends with a whole packet when the disk is full %s', (_where, bytes) => {
    const file = join(folder, 'full.pcap');
    const writer = new PcapWriter({ to: file });
    room = bytes;
    const packet = Buffer.alloc(1000, 'x');
    const attempts = () => {
      for (let i = 0; i < 200; i++) writer.packet(i, packet);
    };
    expect(attempts).toThrow(/ENOSPC/);
    expect(writer.isFull).toBe(true);

    // There is room again: a capture with a hole would look like packets that were lost.
    room = Number.POSITIVE_INFINITY;
    writer.packet(0, packet);
    writer.close();
    const written = packetsOf(file);
    expect(written).toHaveLength(Math.floor((bytes - FILE_HEADER_BYTES) / 1016));
    expect(written.every((one) => one.equals(packet))).toBe(true);
  });

  it('holds nothing if not even its header fits', () => {
    const file = join(folder, 'none.pcap');
    const writer = new PcapWriter({ to: file });
    writer.packet(0, Buffer.alloc(10));
    room = 10;
    expect(() => writer.close()).toThrow(/ENOSPC/);
    expect(readFileSync(file)).toHaveLength(0);
    // The file is closed all the same, and it is said once.
    writer.close();
  });
});

it('writes nothing more to a function that threw', () => {
  const calls: number[] = [];
  const to = (bytes: Buffer): void => {
    calls.push(bytes.length);
    throw new Error('full');
  };
  const writer = new PcapWriter({ to });
  writer.packet(0, Buffer.alloc(10));
  expect(() => writer.flush()).toThrow('full');
  writer.packet(0, Buffer.alloc(10));
  writer.close();
  expect([calls.length, writer.isFull]).toEqual([1, true]);
});

it('writes nothing more to a function that rejected, which becomes a warning', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const to = vi.fn(() => Promise.reject(new Error('full')));
  const writer = new PcapWriter({ to });
  writer.flush();
  await turn();
  writer.packet(0, Buffer.alloc(10));
  writer.close();
  expect(to).toHaveBeenCalledTimes(1);
  expect(writer.isFull).toBe(true);
  expect(warn).toHaveBeenCalledExactlyOnceWith(new Error('full'));
  warn.mockRestore();
});
