import { describePart, flag, whole } from '@headrace/core/authoring';
import type { DeflateParameters, MessageDeflate } from './message-deflate.ts';

/**
 * permessage-deflate (RFC 7692): `true`, or with options. It costs memory for each connection (a window of 32 KiB
 * and more each way) and time for each message, and may leak the content of a message to an attacker who can put
 * text of his own beside it (CRIME). What a message inflates to counts against `maxMessageBytes` while it is inflated.
 * A server compresses a message of a broadcast, up to 32 KiB, once for all members.
 */
export type WebSocketCompression =
  | boolean
  | {
      /** Messages below this size, in bytes, are sent uncompressed. @default 1024 */
      readonly thresholdBytes?: number;
      /**
       * Keep the window from message to message: better compression, memory for each connection, and a broadcast is
       * compressed for each member. @default false
       */
      readonly keepContext?: boolean;
    };

/** How a server compresses the messages of one WebSocket, as the handshake agreed. */
export interface AgreedDeflate {
  /** The size of the window, as a power of two. */
  readonly windowBits: number;
  /** Messages below this size, in bytes, are sent uncompressed. */
  readonly thresholdBytes: number;
  /**
   * A message of a broadcast is compressed once for all members with windows of this size, up to so many bytes: more
   * would hold the event loop. Less than the threshold if the window is kept from message to message, which no other
   * member has.
   */
  readonly maxSharedBytes: number;
  /** Compresses one message for this WebSocket alone, and inflates what it sends, in other threads. */
  readonly own: MessageDeflate;
}

const MAX_SHARED_BYTES = 32 * 1024;
const LARGEST_WINDOW_BITS = 15;

const OPTIONS = describePart('compression', {
  thresholdBytes: whole({ default: 1024 }),
  keepContext: flag({ default: false }),
});

/** Options of the `ws` library's permessage-deflate. */
export interface DeflateOptions {
  /** Messages below this size, in bytes, are sent uncompressed. */
  readonly threshold: number;
  readonly serverNoContextTakeover?: true;
  readonly clientNoContextTakeover?: true;
  readonly isServer?: true;
  /** What a message may inflate to, in bytes. */
  readonly maxPayload?: number;
}

/**
 * The option as the `ws` library takes it. A server asks nothing of a client that the client did not offer, which Netty's
 * client would refuse: a client that offers no `client_no_context_takeover` keeps its window.
 */
export function wsDeflate(
  compression: WebSocketCompression,
  side: 'client' | 'server',
): DeflateOptions | undefined {
  if (compression === false) return undefined;
  const { thresholdBytes, keepContext } = OPTIONS.resolve(compression === true ? {} : compression);
  return {
    threshold: thresholdBytes,
    // False would be a refusal of peers that ask for it.
    ...(!keepContext && { serverNoContextTakeover: true }),
    ...(!keepContext && side === 'client' && { clientNoContextTakeover: true }),
  };
}

/** What {@link AgreedDeflate} is after the library has accepted an offer. */
export function agreedDeflate(
  own: MessageDeflate,
  parameters: DeflateParameters,
  thresholdBytes: number,
): AgreedDeflate {
  const { server_no_context_takeover: isFresh, server_max_window_bits: bits } = parameters;
  return {
    windowBits: bits ?? LARGEST_WINDOW_BITS,
    thresholdBytes,
    maxSharedBytes: isFresh === true ? MAX_SHARED_BYTES : thresholdBytes - 1,
    own,
  };
}
