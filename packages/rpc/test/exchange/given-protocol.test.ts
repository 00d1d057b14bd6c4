import { EncodeError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { type ExchangeFormat, ExchangeHandler, type ExchangeTypes } from '../../src/index.ts';
import { watch } from './two-ends.ts';

/** A protocol that has requests and answers alone, with a sequence number of one byte before each. */
interface Sequenced extends ExchangeTypes {
  reads: Buffer;
  writes: Buffer;
  call: string;
  request: string;
  answer: string;
  result: string;
}
const FORMAT: ExchangeFormat<Sequenced> = {
  idBits: 8,
  read: (message, sink) => {
    const text = message.toString('latin1', 1);
    if (text.startsWith('?')) sink.request(message[0]!, text.slice(1), Number.POSITIVE_INFINITY);
    else sink.response(message[0]!, text);
  },
  request: (id, text) => Buffer.from(`${String.fromCharCode(id)}?${text}`, 'latin1'),
};

function opened(format = FORMAT, options = {}) {
  const exchange = new ExchangeHandler({ format, maxInFlight: 1000, ...options });
  const channel = new EmbeddedChannel(exchange);
  const written = (): string[] => {
    channel.runPendingTasks();
    const all: string[] = [];
    for (let one = channel.readOutbound<Buffer>(); one !== undefined; ) {
      all.push(one.toString('latin1'));
      one = channel.readOutbound<Buffer>();
    }
    return all;
  };
  return { exchange, channel, written };
}

describe('a format for a given protocol', () => {
  it('has ids of 8 bits, and a call waits while all of them are in use', async () => {
    const { exchange, channel, written } = opened();
    const calls = Array.from({ length: 256 }, (_, index) => watch(exchange.request(`${index}`)));
    expect(exchange.counts).toMatchObject({ inFlight: 255, queued: 1 });
    expect(written().at(-1)).toBe('\xff?254');
    channel.writeInbound(Buffer.from('\x05yes', 'latin1'));
    expect(written()).toEqual(['\x05?255']);
    await Promise.resolve();
    expect(calls[4]!.outcome).toBe('yes');
    channel.abort();
  });

  it('sends nothing for a call that is given up, and drops its late answer', async () => {
    const { exchange, channel, written } = opened();
    const call = watch(exchange.request('a', { timeoutMs: 50 }));
    expect(written()).toEqual(['\x01?a']);
    channel.advance(50);
    await Promise.resolve();
    expect([call.outcome, written()]).toEqual(['TIMEOUT_REQUEST sent true', []]);
    channel.writeInbound(Buffer.from('\x01late'));
    expect(exchange.counts.lateAnswers).toBe(1);
  });

  it('fails a notice for which the protocol has no message', () => {
    const { exchange, channel, written } = opened();
    const notice = exchange.notify('n');
    channel.runPendingTasks();
    expect(notice.error).toMatchObject({ code: 'HR_ERR_MESSAGE_NOT_ENCODABLE' });
    expect(written()).toEqual([]);
  });

  it('ends the channel if it cannot write the error of a request', () => {
    const error = (): Buffer => {
      throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'no error fits');
    };
    const channel = new EmbeddedChannel(new ExchangeHandler({ format: { ...FORMAT, error } }), {
      exceptionCaught: () => {},
    });
    channel.writeInbound(Buffer.from('\x01?a'));
    expect(channel.isEnding).toBe(true);
  });

  it('sends no error and no answer that the protocol does not have', async () => {
    const { channel, written } = opened(FORMAT, { handle: (text: string) => text });
    channel.writeInbound(Buffer.from('\x01?a'));
    await Promise.resolve();
    expect(written()).toEqual([]);
    const other = opened();
    other.channel.writeInbound(Buffer.from('\x01?a'));
    expect(other.written()).toEqual([]);
  });
});
