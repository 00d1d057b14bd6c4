import { type Context, DecodeError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { MessageToMessageDecoder } from '../../src/base/message-to-message-decoder.ts';

class Numbers extends MessageToMessageDecoder<string, number> {
  decode(_ctx: Context, text: string): number {
    const number = Number(text);
    if (Number.isNaN(number)) throw new DecodeError('MESSAGE_INVALID', `${text} is not a number`);
    return number;
  }
  override accepts(message: unknown): boolean {
    return typeof message === 'string';
  }
}

it('a datagram that cannot be decoded is an error, and the next one is decoded', () => {
  const channel = EmbeddedChannel.with({ register: false }, new Numbers());
  channel.embedded.connectionless = { uncaught: () => {} };
  channel.register();
  channel.writeInbound('1');
  expect(() => channel.writeInbound('x')).toThrow('x is not a number');
  expect(() => channel.writeInbound(new Date())).toThrow();
  channel.writeInbound('2');
  expect([channel.readInbound(), channel.readInbound()]).toEqual([1, 2]);
  expect(channel.isOpen).toBe(true);
});
