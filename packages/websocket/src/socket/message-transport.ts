import type { Duplex } from 'node:stream';
import type { Transport } from '@headrace/core';
import type { WebSocketClose } from './close-codes.ts';
import { SharedMessage } from './shared-message.ts';
import { TextMessage } from './text-message.ts';

/** A WebSocket as a transport: messages in, messages out. */
export interface MessageTransport extends Transport {
  /** The first handler of its channel. */
  listener: MessageTransportListener | undefined;
  /** The subprotocol that both sides agreed on, once active; `undefined` if they did not. */
  readonly subprotocol: string | undefined;
  /** The stream that the `ws` library reads from, if it is known: the library does not report when a message begins. */
  readonly stream?: Duplex | undefined;
}

/** What a {@link MessageTransport} reports to the first handler of its channel. */
export interface MessageTransportListener {
  /** The WebSocket has ended; comes before the channel closes of it. */
  peerClosed(close: WebSocketClose): void;
  /**
   * Something was read.
   *
   * @param isWithin - a message has begun whose rest the peer has not sent
   * @param finished - how many whole messages have been read
   */
  inputRead(isWithin: boolean, finished: number): void;
}

/** What a WebSocket takes, in words. */
export const ACCEPTED = 'strings, TextMessages and Uint8Arrays';

/** What is written to a WebSocket: a message, or one of a broadcast. */
export function isOutgoing(
  message: unknown,
): message is string | Uint8Array | TextMessage | SharedMessage {
  return (
    typeof message === 'string' ||
    message instanceof Uint8Array ||
    message instanceof TextMessage ||
    message instanceof SharedMessage
  );
}
