import { Bootstrap, type PortPlace, silentLogger } from '@headrace/core';
import { addFrames } from 'headrace-example-broadcast-chat';
import type { Door } from './door.ts';

/** The text of another member may be as long as ours, with a word and an id before it. */
const MAX_MESSAGE_BYTES = 128 * 1024;

/** Frames over TCP: the terminal's way. */
export function tcpDoor(place: PortPlace): Door<PortPlace> {
  return {
    addresses: [place],
    connector: (install) =>
      new Bootstrap()
        .options({ logger: silentLogger })
        .handler((channel) => install(addFrames(channel, MAX_MESSAGE_BYTES))),
  };
}
