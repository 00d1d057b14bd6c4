import { systemClock } from '@headrace/core';
import { expect, it } from 'vitest';
import { OutgoingPacket } from '../../src/client/outgoing-packet.ts';
import type { PacketClientHandler } from '../../src/client/packet-client-handler.ts';
import { PacketDesk } from '../../src/client/packet-desk.ts';

const NEVER = Number.POSITIVE_INFINITY;

/** A connection that is either full, or lost within the first write. */
class FakeConnection {
  takesMore = false;
  inFlight = 0;
  readonly sent: string[] = [];
  onSend = (_packet: OutgoingPacket): void => {};

  send(packet: OutgoingPacket): void {
    this.sent.push(packet.id!);
    this.onSend(packet);
  }
}

it('sends in order, and at once, when a connection is lost within a write of what waited', () => {
  const desk = new PacketDesk(systemClock, { maxInFlight: 10, maxQueued: 10 });
  const [first, second] = [new FakeConnection(), new FakeConnection()];
  for (const one of [first, second]) desk.add(one as unknown as PacketClientHandler);
  for (const id of ['1', '2', '3']) {
    const outcome = { answer() {}, written() {}, failed() {} };
    desk.submit(new OutgoingPacket(id, id, { timeoutMs: NEVER, gapTimeoutMs: NEVER }, outcome));
  }
  first.onSend = (packet) => {
    first.takesMore = false;
    second.takesMore = true;
    desk.lost([packet], new Error('gone'));
  };
  first.takesMore = true;
  desk.sendQueued();
  expect([first.sent, second.sent, desk.queued]).toEqual([['1'], ['1', '2', '3'], 0]);
});
