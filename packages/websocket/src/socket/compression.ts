import { describePart, flag, whole } from '@headrace/core/authoring';

/**
 * permessage-deflate (RFC 7692): `true`, or with options. It costs memory for each connection (a window of 32 KiB
 * and more each way) and time for each message, and may leak the content of a message to an attacker who can put
 * text of his own beside it (CRIME). What a message inflates to counts against `maxMessageBytes` while it is inflated.
 */
export type WebSocketCompression =
  | boolean
  | {
      /** Messages below this size, in bytes, are sent uncompressed. @default 1024 */
      readonly thresholdBytes?: number;
      /** Keep the window from message to message: better compression, memory for each connection. @default false */
      readonly keepContext?: boolean;
    };

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
    serverNoContextTakeover: !keepContext,
    ...(side === 'client' && { clientNoContextTakeover: !keepContext }),
  };
}
