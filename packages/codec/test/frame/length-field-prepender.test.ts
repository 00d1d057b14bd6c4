import { LengthFieldPrepender } from '@headrace/codec';
import { type ByteSource, ChannelGroup, OptionError, type OutboundBytes } from '@headrace/core';
import { isOutboundBytes, toBuffer } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import type { LengthFieldPrependerOptions } from '../../src/frame/length-field-prepender.ts';

function encoded(options: LengthFieldPrependerOptions, body: OutboundBytes): string {
  const channel = new EmbeddedChannel(new LengthFieldPrepender(options));
  channel.writeOutbound(body);
  return channel.readOutbound<Buffer>()!.toString('hex');
}

const abc: Buffer = Buffer.from('abc');

describe('LengthFieldPrepender', () => {
  it('writes the length of the body, with the adjustment, with the field if wanted', () => {
    expect(encoded({ lengthFieldLength: 2 }, abc)).toBe('0003616263');
    expect(encoded({ lengthFieldLength: 2, lengthAdjustment: -1 }, abc)).toBe('0002616263');
    expect(encoded({ lengthFieldLength: 4, lengthIncludesLengthFieldLength: true }, abc)).toBe(
      '00000007616263',
    );
    expect(encoded({ lengthFieldLength: 8 }, abc)).toBe('0000000000000003616263');
  });

  it('makes the bytes of a frame for an encoder that writes several as one message', () => {
    const prepender = new LengthFieldPrepender({ lengthFieldLength: 1 });
    expect(toBuffer(prepender.prepend(abc)).toString('hex')).toBe('03616263');
    expect(() => prepender.prepend(Buffer.alloc(256))).toThrow('does not fit a field of 1 bytes');
  });

  it('writes the little end first if wanted', () => {
    expect(encoded({ lengthFieldLength: 3, byteOrder: 'little' }, abc)).toBe('030000616263');
    expect(encoded({ lengthFieldLength: 8, byteOrder: 'little' }, abc)).toBe(
      '0300000000000000616263',
    );
  });

  it('fails the write if the length is negative or does not fit', () => {
    const fail = (options: LengthFieldPrependerOptions, size: number) => (): void =>
      void encoded(options, Buffer.alloc(size));
    expect(fail({ lengthFieldLength: 1, lengthAdjustment: -5 }, 4)).toThrow(/negative length -1/);
    expect(fail({ lengthFieldLength: 1 }, 256)).toThrow(/256 does not fit a field of 1 bytes/);
    expect(fail({ lengthFieldLength: 2 }, 65_536)).toThrow(/does not fit/);
    expect(fail({ lengthFieldLength: 4, maxBodyLength: 10 }, 11)).toThrow(/maxBodyLength, 10/);
  });

  it('does not copy the body', () => {
    const seen: unknown[] = [];
    const channel = new EmbeddedChannel(
      {
        write: (ctx, message) => {
          seen.push(message);
          return ctx.write(message);
        },
      },
      new LengthFieldPrepender({ lengthFieldLength: 2 }),
    );
    channel.writeOutbound(abc);
    expect(isOutboundBytes(seen[0])).toBe(true);
    expect(seen[0]).not.toBeInstanceOf(Uint8Array);
    expect(Buffer.isBuffer(seen[0])).toBe(false);
  });

  it('hands a large body on as it is, where the transport writes lists', () => {
    const prepender = new LengthFieldPrepender({ lengthFieldLength: 2 });
    const inner = prepender.prepend(abc);
    const parts: Uint8Array[] = [];
    (prepender.prepend(inner) as ByteSource).appendTo!(parts);
    expect(parts[2]).toBe(abc);
    expect(Buffer.concat(parts).toString('hex')).toBe('00050003616263');
  });

  it('an empty body is a header', () => {
    expect(encoded({ lengthFieldLength: 2 }, Buffer.alloc(0))).toBe('0000');
  });

  it('two of them nest', () => {
    const prepender = new LengthFieldPrepender({ lengthFieldLength: 1 });
    const channel = new EmbeddedChannel(prepender, prepender);
    channel.writeOutbound(abc);
    expect(channel.readOutbound<Buffer>()!.toString('hex')).toBe('0403616263');
  });

  it('encodes once for a whole broadcast, into bytes that all members share', () => {
    const prepender = new LengthFieldPrepender({ lengthFieldLength: 2 });
    const channels = [1, 2, 3].map(() => new EmbeddedChannel(prepender));
    const group = new ChannelGroup('all');
    for (const channel of channels) group.add(channel);
    group.writeAndFlush(abc);
    const outputs = channels.map((channel) => channel.readOutbound<Buffer>());
    expect(outputs[0]?.toString('hex')).toBe('0003616263');
    expect(outputs[1]).toBe(outputs[0]);
    expect(outputs[2]).toBe(outputs[0]);
  });

  it('keeps its own configuration, whatever others are made before it is used', () => {
    const all: LengthFieldPrependerOptions[] = [
      { lengthFieldLength: 2 },
      { lengthFieldLength: 4 },
      { lengthFieldLength: 2, lengthAdjustment: 1 },
      { lengthFieldLength: 2, byteOrder: 'little' },
      { lengthFieldLength: 2, maxBodyLength: 2 },
      { lengthFieldLength: 2 },
    ];
    const channels = all.map((options) => new EmbeddedChannel(new LengthFieldPrepender(options)));
    const outputs = channels.map((channel) => {
      channel.write(abc).onSettled(() => {});
      channel.flush();
      return channel.readOutbound<Buffer>()?.toString('hex');
    });
    expect(outputs).toEqual([
      '0003616263',
      '00000003616263',
      '0004616263',
      '0300616263',
      undefined,
      '0003616263',
    ]);
  });

  it('passes on what is not bytes if it is told to', () => {
    const channel = new EmbeddedChannel(
      { write: (ctx, message) => ctx.write(Buffer.from(`<${String(message)}>`)) },
      new LengthFieldPrepender({ lengthFieldLength: 2, otherMessages: 'pass-on' }),
    );
    channel.writeOutbound(7 as never);
    expect(String(channel.readOutbound())).toBe('<7>');
  });

  it('refuses other widths', () => {
    for (const width of [0, 5, 7, -1, Number.NaN]) {
      expect(() => new LengthFieldPrepender({ lengthFieldLength: width as never })).toThrow(
        OptionError,
      );
    }
  });
});
