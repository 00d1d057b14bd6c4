import type { Framing } from '@headrace/core/authoring';
import { describe, expect, it } from 'vitest';
import type { RunBatch } from '../../src/protocol/kept-run.ts';
import { OutgoingMessages } from '../../src/protocol/outgoing-messages.ts';

const FRAMING: Framing = {
  headerBytes: 1,
  writeHeader: (target, offset, bytes) => {
    target[offset] = bytes;
  },
};

function outgoing(): OutgoingMessages {
  const messages = new OutgoingMessages();
  messages.creditBytes = 10_000;
  return messages;
}

function add(messages: OutgoingMessages, ...texts: string[]): void {
  const buffers = texts.map((text) => Buffer.from(text));
  messages.addAll(buffers, Buffer.concat(buffers).length, false);
}

/** What a link whose framing is `FRAMING` gets of the next batch; as bytes, when the transport asks for them. */
function send(messages: OutgoingMessages, most = 10_000): () => string {
  const batch = messages.batch(most) as RunBatch;
  const framed = batch.framed(FRAMING);
  messages.sentBatch(batch);
  return () => {
    if (framed instanceof Uint8Array) return Buffer.from(framed).toString('latin1');
    const target = Buffer.alloc(framed.byteLength);
    framed.writeTo(target, 0);
    return target.toString('latin1');
  };
}

describe('OutgoingMessages', () => {
  it('gives several messages as one batch, each behind the header of the framing', () => {
    const messages = outgoing();
    add(messages, 'a', 'bc');
    expect(send(messages)()).toBe('\x02\x06a\x03\x06bc');
    add(messages, 'd', '');
    expect(send(messages)()).toBe('\x02\x06d\x01\x06');
    expect([messages.sent, messages.last]).toEqual([4, 4]);
  });

  it('gives a batch of no more bytes than asked for, and the rest with the next one', () => {
    const messages = outgoing();
    add(messages, 'x');
    send(messages);
    add(messages, 'a', 'b', 'c');
    expect(send(messages, 7)()).toBe('\x02\x06a\x02\x06b');
    expect(send(messages, 1)()).toBe('\x02\x06c');
  });

  it('gives all behind the number that a new link begins with, in part of a run, too', () => {
    const messages = outgoing();
    add(messages, 'x');
    send(messages);
    add(messages, 'a', 'b', 'c');
    send(messages);
    expect(messages.beginLink(2)).toBe(2);
    expect(send(messages)()).toBe('\x02\x06b\x02\x06c');
    messages.compact();
    expect(messages.payloads().map(String)).toEqual(['b', 'c']);
    messages.beginLink(3);
    expect(send(messages)()).toBe('\x02\x06c');
  });

  it('does not use memory again that a write which has not ended may still read', () => {
    const messages = outgoing();
    add(messages, 'x');
    send(messages);
    add(messages, 'mine');
    const late = send(messages);
    // A peer may acknowledge what it has not read.
    messages.acknowledge(2);
    const other = outgoing();
    for (let i = 0; i < 10; i++) add(other, 'other');
    expect(late()).toBe('\x05\x06mine');
  });

  it('uses memory again once the writes have ended and the peer has it', () => {
    const messages = outgoing();
    add(messages, 'x');
    send(messages);
    messages.writesEnded();
    messages.acknowledge(1);
    add(messages, 'first');
    const { run } = messages.batch(1000)!;
    const late = send(messages);
    messages.writesEnded();
    messages.acknowledge(2);
    add(messages, 'again');
    expect(messages.batch(1000)!.run).toBe(run);
    expect(late()).toBe('\x06\x06again');
  });

  it('keeps nothing of a flush in which a source throws', () => {
    const messages = outgoing();
    const broken = {
      byteLength: 1,
      writeTo: () => {
        throw new Error('broken');
      },
    };
    expect(() => messages.addAll([Buffer.from('a'), broken], 2, false)).toThrow('broken');
    add(messages, 'b');
    expect(send(messages)()).toBe('\x02\x06b');
    messages.acknowledge(1);
    expect([messages.bytes, messages.isEmpty]).toEqual([0, true]);
  });
});
