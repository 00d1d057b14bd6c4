import {
  contentLengthPrefixed,
  JsonCodec,
  JsonDecoder,
  jsonLines,
  LengthFieldFrameDecoder,
  LineFrameDecoder,
  lengthPrefixed,
  type StandardSchema,
  StringCodec,
  StringDecoder,
  textLines,
  VarintFrameDecoder,
  varintPrefixed,
} from '@headrace/codec';
import { type Handler, type PipelineTemplate, pipeline } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

function built(template: PipelineTemplate<never, never>): EmbeddedChannel {
  const channel = new EmbeddedChannel();
  template.initialize(channel);
  return channel;
}

describe('a preset in a template', () => {
  it.each<[string, PipelineTemplate<never, never>, string, string]>([
    [
      'lengthPrefixed',
      pipeline().add(...lengthPrefixed({ bytes: 2, maxFrameLength: 9 })) as never,
      '0002',
      '6869',
    ],
    [
      'varintPrefixed',
      pipeline().add(...varintPrefixed({ maxFrameLength: 9 })) as never,
      '02',
      '6869',
    ],
    [
      'contentLengthPrefixed',
      pipeline().add(...contentLengthPrefixed({ maxFrameLength: 9 })) as never,
      Buffer.from('Content-Length: 2').toString('hex'),
      '0d0a0d0a6869',
    ],
    ['textLines', pipeline().add(...textLines({ maxLength: 9 })) as never, '68', '690a'],
    ['jsonLines', pipeline().add(...jsonLines({ maxLength: 9 })) as never, '22', '6869220a'],
  ])('gives each channel a decoder of its own: %s', (_name, template, begin, rest) => {
    const [one, other] = [built(template), built(template)];
    one.writeInbound(Buffer.from(begin, 'hex'));
    other.writeInbound(Buffer.from(begin + rest, 'hex'));
    expect(String(other.readInbound())).toBe('hi');
    expect(one.readInbound()).toBeUndefined();
    one.writeInbound(Buffer.from(rest, 'hex'));
    expect(String(one.readInbound())).toBe('hi');
  });
});

const schema: StandardSchema = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) },
};

describe('fresh', () => {
  it.each<Handler & { fresh(): Handler }>([
    new LineFrameDecoder(),
    new LineFrameDecoder({
      maxLength: 5,
      stripDelimiter: false,
      failFast: true,
      ending: 'crlf',
      frameErrorPolicy: 'emit',
      frameTimeoutMs: 7,
      maxBufferedBytes: 99,
    }),
    new LengthFieldFrameDecoder({ maxFrameLength: 100, lengthFieldLength: 4 }),
    new LengthFieldFrameDecoder({
      maxFrameLength: 100,
      lengthFieldLength: 2,
      lengthFieldOffset: 3,
      lengthAdjustment: -2,
      initialBytesToStrip: 5,
      byteOrder: 'little',
      failFast: false,
      frameErrorPolicy: 'skip',
      frameTimeoutMs: false,
    }),
    new VarintFrameDecoder({ maxFrameLength: 3, frameTimeoutMs: 8 }),
    new StringCodec({ delimiter: '\n', frameErrorPolicy: 'emit' }),
    new StringDecoder({ frameErrorPolicy: 'emit' }),
    new JsonCodec(),
    new JsonCodec({ schema, delimiter: '\n', frameErrorPolicy: 'skip' }),
    new JsonDecoder(),
    new JsonDecoder({ schema, frameErrorPolicy: 'skip' }),
  ])('is the same class with the same options: $constructor.name %#', (handler) => {
    const fresh = handler.fresh();
    expect(fresh).not.toBe(handler);
    expect(fresh.constructor).toBe(handler.constructor);
    expect(fresh).toEqual(handler);
  });

  it('keeps no state', () => {
    const decoder = new LineFrameDecoder();
    const channel = new EmbeddedChannel(decoder);
    channel.writeInbound(Buffer.from('begun'));
    const other = new EmbeddedChannel(decoder.fresh());
    other.writeInbound(Buffer.from(' line\n'));
    expect(String(other.readInbound())).toBe(' line');
  });
});
