import { Buffer } from 'node:buffer';
import { VirtualClock } from '@headrace/core/testing';
import type { Msg } from '@nats-io/transport-node';
import { describe, expect, it } from 'vitest';
import { NatsInbox } from '../../src/bus/nats/nats-inbox.ts';
import { NatsLogLink } from '../../src/bus/nats/nats-log-link.ts';

const STREAM = 'hr.papp.d.proom';

/** A link whose JetStream answers when the test says so; the place of the stream is known. */
function linkOf() {
  const clock = new VirtualClock();
  const replies: string[] = [];
  let answered: (error: null, message: Msg) => void = () => {};
  const connection = {
    publish: (_subject: string, _bytes: Uint8Array, { reply }: { reply: string }) =>
      void replies.push(reply),
    subscribe: (_subject: string, { callback }: { callback: typeof answered }) => {
      answered = callback;
    },
  } as never;
  const peer = { createInbox: () => '_INBOX.x', headers: () => new Map() } as never;
  const inbox = new NatsInbox(connection, peer, undefined);
  const lose = () => {};
  const link = new NatsLogLink({ connection, peer, inbox, replicas: 1, clock, lose });
  const known = link as unknown as { groups: Map<string, object> };
  known.groups.set(STREAM, { store: { epoch: 'e', doubt: () => {} }, token: 'proom' });
  const answer = (reply: string, seq: number) =>
    answered(null, { subject: reply, json: () => ({ seq }) } as Msg);
  const { expected } = inbox as unknown as { expected: Map<number, unknown> };
  return { clock, link, replies, answer, expected };
}

describe('NatsLogLink', () => {
  it('forgets an append that JetStream does not answer, and keeps no timer for one that it does', async () => {
    const { clock, link, replies, answer, expected } = linkOf();
    const stored = link.append(STREAM, 'a', Buffer.from('a'));
    answer(replies[0]!, 7);
    expect(await stored).toEqual({ epoch: 'e', offset: 7 });
    expect(clock.pendingTimers).toBe(0);
    const lost = link.append(STREAM, 'b', Buffer.from('b'));
    lost.catch(() => {});
    clock.advance(9999);
    expect(expected.size).toBe(1);
    clock.advance(1);
    expect(expected.size).toBe(0);
    await expect(lost).rejects.toThrow('JetStream has not answered for 10000 ms');
    answer(replies[1]!, 8);
  });
});
