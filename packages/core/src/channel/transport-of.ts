import type { Channel } from '../contract.ts';
import type { ReadRoom } from '../internal/read-room.ts';
import type { Transport } from '../transport/transport.ts';
import { coreOf } from './transport-channel.ts';

/** The transport of a channel; `undefined` for a channel of another kind. */
export function transportOf(channel: Channel | undefined): Transport | undefined {
  return channel && coreOf(channel)?.transport;
}

/**
 * The channel's next reads go into this memory, until it is full or withdrawn: for a decoder that knows the length of the
 * message that has begun. What arrives is an ordinary Buffer, a piece of it. A transport that makes its own
 * Buffers takes no notice.
 */
export function offerReadRoom(channel: Channel, room: ReadRoom): void {
  const core = coreOf(channel);
  if (core !== undefined) core.readRoom = room;
}
