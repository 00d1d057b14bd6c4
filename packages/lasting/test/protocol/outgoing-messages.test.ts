import { toBuffer } from '@headrace/core/authoring';
import { describe, expect, it } from 'vitest';
import type { RunFrame } from '../../src/protocol/kept-run.ts';
import { OutgoingMessages } from '../../src/protocol/outgoing-messages.ts';

function outgoing(): OutgoingMessages {
  const messages = new OutgoingMessages();
  messages.creditBytes = 10_000;
  return messages;
}

function add(messages: OutgoingMessages, ...texts: string[]): void {
  const buffers = texts.map((text) => Buffer.from(text));
  messages.addAll(buffers, Buffer.concat(buffers).length, false);
}

/** What a link gets as the next frame; as bytes, when the transport asks for them. */
function send(messages: OutgoingMessages): () => string {
  const frame = messages.next() as RunFrame;
  return () => toBuffer(frame).toString('latin1');
}

describe('OutgoingMessages', () => {
  it('takes as many messages as the credit allows, 64 bytes for each included', () => {
    const messages = outgoing();
    messages.creditBytes = 200;
    const three = ['abc', 'def', 'ghi'].map((text) => Buffer.from(text));
    expect(messages.addAll(three, 9, false)).toBe(2);
    expect([messages.bytes, messages.last]).toEqual([134, 2]);
    messages.acknowledge(1);
    expect(messages.addAll(three.slice(2), 3, false)).toBe(1);
  });

  it('gives several messages as one frame, and one alone as another kind', () => {
    const messages = outgoing();
    add(messages, 'a', 'bc');
    expect(send(messages)()).toBe('\x0a\0\x01a\0\x02bc');
    add(messages, 'd');
    expect(send(messages)()).toBe('\x06d');
    expect([messages.sent, messages.last]).toEqual([3, 3]);
  });

  it('gives all behind the number that a new link begins with, in part of a run, too', () => {
    const messages = outgoing();
    add(messages, 'x');
    send(messages);
    add(messages, 'a', 'b', 'c');
    send(messages);
    expect(messages.beginLink(2)).toBe(2);
    expect(send(messages)()).toBe('\x0a\0\x01b\0\x01c');
    messages.compact();
    expect(messages.payloads().map(String)).toEqual(['b', 'c']);
    messages.beginLink(3);
    expect(send(messages)()).toBe('\x06c');
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
    expect(late()).toBe('\x06mine');
  });

  it('does not use memory again that a link before the present one may still read', () => {
    const messages = outgoing();
    add(messages, 'x');
    send(messages);
    messages.acknowledge(1);
    add(messages, 'mine');
    const late = send(messages);
    messages.beginLink(1);
    send(messages);
    messages.writesEnded();
    messages.acknowledge(2);
    const other = outgoing();
    for (let i = 0; i < 10; i++) add(other, 'other');
    expect(late()).toBe('\x06mine');
  });

  it('uses memory again once the writes have ended and the peer has it', () => {
    const messages = outgoing();
    add(messages, 'x');
    send(messages);
    messages.writesEnded();
    messages.acknowledge(1);
    add(messages, 'first');
    const late = send(messages);
    messages.writesEnded();
    messages.acknowledge(2);
    add(messages, 'again');
    expect(late()).toBe('\x06again');
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
    expect(send(messages)()).toBe('\x06b');
    messages.acknowledge(1);
    expect([messages.bytes, messages.isEmpty]).toEqual([0, true]);
  });
});
