import { describePart, flag, whole } from '@headrace/core/authoring';

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

/**
 * How a server compresses a message that several members get, as the handshake agreed: each message has a window of its
 * own, so its compressed bytes are the same for all members that agreed on the same size of the window.
 */
export interface SharedDeflate {
  /** The size of the window, as a power of two. */
  readonly windowBits: number;
  /** Messages below this size, in bytes, are sent uncompressed. */
  readonly thresholdBytes: number;
  /** Larger ones would hold the event loop: the `ws` library compresses them, in other threads, for each member. */
  readonly maxBytes: number;
}

const MAX_SHARED_BYTES = 32 * 1024;
const LARGEST_WINDOW_BITS = 15;

const OPTIONS = describePart('compression', {
  thresholdBytes: whole({ default: 1024 }),
  keepContext: flag({ default: false }),
});

/**
 * The option as the `ws` library takes it. A server asks nothing of a client that the client did not offer, which Netty's
 * client would refuse: a client that offers no `client_no_context_takeover` keeps its window.
 */
export function wsDeflate(compression: WebSocketCompression, side: 'client' | 'server') {
  if (compression === false) return false;
  const given = compression === true ? {} : compression;
  const { thresholdBytes, keepContext } = OPTIONS.resolve(given);
  return {
    threshold: thresholdBytes,
    // False would be a refusal of peers that ask for it.
    ...(!keepContext && { serverNoContextTakeover: true }),
    ...(!keepContext && side === 'client' && { clientNoContextTakeover: true }),
  };
}

/**
 * What a server's answer to the handshake agreed on: `undefined` if nothing is compressed, `false` if the window is kept
 * from message to message.
 */
export function agreedDeflate(
  answer: readonly string[],
  compression: WebSocketCompression,
): SharedDeflate | false | undefined {
  const agreed = answer.find((line) => line.startsWith('Sec-WebSocket-Extensions:'));
  if (agreed === undefined) return undefined;
  if (!agreed.includes('server_no_context_takeover')) return false;
  const [, bits = LARGEST_WINDOW_BITS] = /server_max_window_bits=(\d+)/.exec(agreed) ?? [];
  const { thresholdBytes } = OPTIONS.resolve(compression === true ? {} : compression || {});
  return { windowBits: Number(bits), thresholdBytes, maxBytes: MAX_SHARED_BYTES };
}
