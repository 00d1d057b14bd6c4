import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it, vi } from 'vitest';
import { PcapHandler } from '../../src/logging/pcap-handler.ts';
import { endsOf, ipv6Bytes } from '../../src/logging/pcap-packet.ts';
import { PcapWriter } from '../../src/logging/pcap-writer.ts';

interface Packet {
  readonly seconds: number;
  readonly bytes: Buffer;
  readonly flags: string;
  readonly fromPort: number;
  readonly seq: number;
  readonly ack: number;
  readonly payload: string;
}

const FLAG_NAMES = ['F', 'S', 'R', 'P', 'A'];

/** Reads back what the writer wrote, by the format's own words. */
function packetsOf(file: Buffer): Packet[] {
  expect(file.subarray(0, 8).toString('hex')).toBe('a1b2c3d400020004');
  expect(file.readUInt32BE(20)).toBe(101);
  const packets: Packet[] = [];
  for (let at = 24; at < file.length; ) {
    const length = file.readUInt32BE(at + 8);
    const bytes = file.subarray(at + 16, at + 16 + length);
    const tcp = bytes.subarray(bytes[0]! >> 4 === 4 ? 20 : 40);
    packets.push({
      seconds: file.readUInt32BE(at),
      bytes,
      flags: FLAG_NAMES.filter((_name, bit) => (tcp[13]! & (1 << bit)) !== 0).join(''),
      fromPort: tcp.readUInt16BE(0),
      seq: tcp.readUInt32BE(4),
      ack: tcp.readUInt32BE(8),
      payload: tcp.subarray(20).toString(),
    });
    at += 16 + length;
  }
  return packets;
}

function captured(): { channel: EmbeddedChannel; packets: () => Packet[] } {
  const chunks: Buffer[] = [];
  const writer = new PcapWriter({ to: (bytes) => void chunks.push(bytes) });
  const channel = EmbeddedChannel.with({ allowHalfOpen: true }, new PcapHandler({ writer }));
  return {
    channel,
    packets: () => {
      writer.close();
      return packetsOf(Buffer.concat(chunks));
    },
  };
}

/** The internet checksum over a range must come out as zero when the stored one is right. */
function folded(bytes: Uint8Array, start = 0): number {
  let total = start;
  for (let i = 0; i < bytes.length; i += 2) total += (bytes[i]! << 8) + (bytes[i + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

describe('PcapHandler', () => {
  it('writes a handshake, the bytes of both directions and the end, with numbers that fit', () => {
    const { channel, packets } = captured();
    channel.writeInbound(Buffer.from('hello'));
    channel.writeOutbound(Buffer.from('hi'));
    channel.endInput();
    channel.run(() => channel.shutdown('output'));
    const all = packets();
    expect(all.map(({ flags, seq, ack, payload }) => [flags, seq, ack, payload])).toEqual([
      ['S', 0, 0, ''],
      ['SA', 0, 1, ''],
      ['A', 1, 1, ''],
      ['PA', 1, 1, 'hello'],
      ['PA', 1, 6, 'hi'],
      ['FA', 6, 3, ''],
      ['A', 3, 7, ''],
      ['FA', 3, 7, ''],
      ['A', 7, 4, ''],
    ]);
    expect(channel.finish()).toMatchObject({
      inbound: [Buffer.from('hello')],
      outbound: [Buffer.from('hi')],
    });
  });

  it('writes right checksums', () => {
    const { channel, packets } = captured();
    channel.writeInbound(Buffer.from('odd'));
    for (const { bytes } of packets()) {
      expect(folded(bytes.subarray(0, 20))).toBe(0xffff);
      const tcp = bytes.subarray(20);
      const pseudo = folded(bytes.subarray(12, 20)) + 6 + tcp.length;
      expect(folded(tcp, pseudo)).toBe(0xffff);
    }
  });

  it('cuts a large message into packets that the format can hold', () => {
    const { channel, packets } = captured();
    channel.writeInbound(Buffer.alloc(150_000, 'x'));
    const data = packets().filter(({ flags }) => flags === 'PA');
    expect(data.map(({ payload }) => payload.length)).toEqual([65_475, 65_475, 19_050]);
    expect(data.map(({ seq }) => seq)).toEqual([1, 65_476, 130_951]);
  });

  it('writes a reset as a reset, from the side it came from', () => {
    const { channel, packets } = captured();
    channel.run(() =>
      channel.embedded.sink.failed(Object.assign(new Error('read'), { code: 'ECONNRESET' })),
    );
    expect(() => channel.checkException()).toThrow();
    const all = packets();
    const last = all.at(-1)!;
    expect(last.flags).toBe('RA');
    expect(last.fromPort).not.toBe(all[0]!.fromPort);
  });

  it('leaves messages out that are not bytes', () => {
    const { channel, packets } = captured();
    channel.writeInbound('text');
    expect(packets()).toHaveLength(3);
  });

  it('writes a file, keeps many channels in it, and stops where it is full', () => {
    const folder = mkdtempSync(join(tmpdir(), 'headrace-pcap-'));
    const path = join(folder, 'capture.pcap');
    {
      using writer = new PcapWriter({ to: path, maxBytes: 1000 });
      for (let i = 0; i < 10; i++) {
        const channel = new EmbeddedChannel(new PcapHandler({ writer }));
        channel.writeInbound(Buffer.from(`hello ${i}`));
      }
      expect(writer.isFull).toBe(true);
      writer.flush();
    }
    const packets = packetsOf(readFileSync(path));
    rmSync(folder, { recursive: true });
    expect(new Set(packets.map(({ fromPort }) => fromPort)).size).toBeGreaterThan(3);
    expect(packets.length).toBeLessThan(20);
  });

  it('stamps packets with the time of day', () => {
    const { channel, packets } = captured();
    channel.advance(5000);
    channel.writeInbound(Buffer.from('later'));
    const all = packets();
    expect(all.at(-1)!.seconds - all[0]!.seconds).toBe(5);
    expect(all[0]!.seconds).toBe(Math.floor((channel.clock.timeOfDay() - 5000) / 1000));
  });

  it('lets the traffic go on when the file fails, and warns once', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const writer = new PcapWriter({
      to: () => {
        throw new Error('disk full');
      },
    });
    const channel = new EmbeddedChannel(new PcapHandler({ writer }));
    for (let i = 0; i < 3; i++) channel.writeInbound(Buffer.alloc(100_000));
    expect(channel.finish().inbound).toHaveLength(3);
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });
});

describe('the addresses of a capture', () => {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

  it.each([
    ['::1', '00000000000000000000000000000001'],
    ['::', '00000000000000000000000000000000'],
    ['2001:db8::8a2e:370:7334', '20010db80000000000008a2e03707334'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['::ffff:10.1.2.3', '00000000000000000000ffff0a010203'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
  ])('reads %s', (host, bytes) => {
    expect(hex(ipv6Bytes(host))).toBe(bytes);
  });

  it('writes both ends in one version, and makes up those that have none', () => {
    const v4 = { host: '10.0.0.1', port: 1, family: 'IPv4' } as const;
    const v6 = { host: '::1', port: 2, family: 'IPv6' } as const;
    const mixed = endsOf(v4, v6, 9);
    expect(hex(mixed.local.ip)).toBe('00000000000000000000ffff0a000001');
    expect(mixed.remote.ip).toHaveLength(16);
    const none = endsOf(undefined, { path: '/run/x.sock' }, 9);
    expect([none.local.port, none.remote.port]).toEqual([1, 9]);
    expect(none.remote.ip).toHaveLength(4);
  });
});
