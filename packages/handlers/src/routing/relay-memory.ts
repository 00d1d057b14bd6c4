// The memory that reads of relays are copied into. Where the kernel takes what was read within the same event, the
// memory serves the next read, of any relay: that is safe only where nothing else can have kept a view of it.
import { Buffer } from 'node:buffer';
import type { Channel } from '@headrace/core';
import { offerReadRoom, ReadRoom } from '@headrace/core/authoring';

/** As much as a read brings at most. */
const ROOM_BYTES = 64 * 1024;

const room = /* @__PURE__ */ new ReadRoom(true);

/** Reads of this channel go into the memory of relays, while it has no other handler and there is room. */
export function lendRoom(channel: Channel): void {
  if (!room.isOffered) renewRoom();
  offerReadRoom(channel, room);
}

/** The relay has left the channel. */
export function withdrawRoom(channel: Channel): void {
  offerReadRoom(channel, undefined);
}

/** Nobody has these bytes any more. Memory that was filled meanwhile is replaced. */
export function takeBack(bytes: Buffer): void {
  const start = room.next - bytes.length;
  if (start >= 0 && room.hasAt(start, bytes)) room.next = start;
  else if (room.next > 0) renewRoom();
}

function renewRoom(): void {
  room.offer(Buffer.allocUnsafeSlow(ROOM_BYTES), 0);
}
