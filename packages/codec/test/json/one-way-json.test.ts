import { JsonDecoder, JsonEncoder, type StandardSchema } from '@headrace/codec';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

const numbers: StandardSchema<unknown, number> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      typeof value === 'number' ? { value } : { issues: [{ message: 'no number' }] },
  },
};

describe('JsonDecoder', () => {
  it('turns JSON into values and leaves what is written alone', () => {
    const channel = new EmbeddedChannel(new JsonDecoder());
    channel.writeInbound(Buffer.from('{"a":[1]}'));
    channel.writeOutbound({ b: 2 });
    expect(channel.readInbound()).toEqual({ a: [1] });
    expect(channel.readOutbound()).toEqual({ b: 2 });
  });

  it('refuses what does not fit the schema', () => {
    const channel = new EmbeddedChannel(
      new JsonDecoder({ schema: numbers, frameErrorPolicy: 'emit' }),
    );
    expect(() => channel.writeInbound(Buffer.from('"one"'))).toThrow(
      'a message does not fit the schema: no number',
    );
    channel.writeInbound(Buffer.from('1'));
    expect(channel.readInbound()).toBe(1);
  });

  it('refuses input that is not JSON, with the first bytes', () => {
    const channel = new EmbeddedChannel(new JsonDecoder());
    expect(() => channel.writeInbound(Buffer.from('{'))).toThrow(
      'JsonDecoder cannot read a message of 1 bytes (7b)',
    );
  });
});

describe('JsonEncoder', () => {
  it('turns values into JSON with a delimiter, and leaves what comes in alone', () => {
    const channel = new EmbeddedChannel(new JsonEncoder({ delimiter: '\n' }));
    const bytes = Buffer.from('{}');
    channel.writeInbound(bytes);
    channel.writeOutbound({ a: 1 });
    expect(channel.readInbound()).toBe(bytes);
    expect(String(channel.readOutbound())).toBe('{"a":1}\n');
  });

  it('fails the write of what cannot be encoded as JSON', () => {
    const channel = new EmbeddedChannel(new JsonEncoder());
    expect(() => channel.writeOutbound(() => {})).toThrow('a function cannot be encoded as JSON');
  });

  it('fails the write of JSON that contains its delimiter', () => {
    const channel = new EmbeddedChannel(new JsonEncoder({ delimiter: '},' }));
    channel.writeOutbound({ a: 1 });
    expect(String(channel.readOutbound())).toBe('{"a":1}},');
    expect(() => channel.writeOutbound({ a: [{}, 2] })).toThrow('contains its delimiter');
  });
});
