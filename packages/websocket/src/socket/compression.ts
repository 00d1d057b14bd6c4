import { describePart, flag, whole } from '@headrace/core/authoring';
import { type Extension, parseExtensions } from './extensions.ts';
import { type MessageDeflate, WindowDeflate } from './message-deflate.ts';

/**
 * Whether permessage-deflate (RFC 7692) is used: a Boolean, or an object with options. Compression costs time for each message.
 * If windows are kept, each connection costs memory (32 KiB in each direction). Compression can leak the content of a message to
 * an attacker who can add text to the message (CRIME). The limit `maxMessageBytes` applies to the inflated bytes, while a message
 * is inflated. A server compresses a broadcast message of up to 32 KiB once for all members.
 */
export type WebSocketCompression =
  | boolean
  | {
      /** Minimum size of a compressed message, in bytes. Smaller messages are sent uncompressed. @default 1024 */
      readonly thresholdBytes?: number;
      /**
       * Whether the window is kept between messages. A kept window improves compression, but costs memory for each connection. A
       * broadcast is then compressed for each member.
       * @default false
       */
      readonly keepContext?: boolean;
    };

/** The compression of one end of a WebSocket, as agreed in the handshake. */
export interface AgreedDeflate {
  /** Size of the window, as a power of two. */
  readonly windowBits: number;
  /** Minimum size of a compressed message, in bytes. */
  readonly thresholdBytes: number;
  /**
   * Maximum size of a broadcast message that is compressed once for all members with the same window size, in bytes. A larger
   * message would block the event loop. The value is below the threshold if the window is kept between messages, because no other
   * member has the same window. The value is also below the threshold for a client, because a client's frames are masked.
   */
  readonly maxSharedBytes: number;
  /** Compresses messages for this WebSocket alone, and inflates received messages, in other threads. */
  readonly own: MessageDeflate;
}

const MAX_SHARED_BYTES = 32 * 1024;
const LARGEST_WINDOW_BITS = 15;
/**
 * Window sizes that a server agrees on. The list is short because a broadcast is compressed once for each size. The list has no
 * 2^8, because zlib would use 2^9, and a peer with a window of 2^8 could not inflate the result.
 */
const WINDOW_BITS: readonly number[] = [15, 12, 9];

const OPTIONS = describePart('compression', {
  thresholdBytes: whole({ default: 1024 }),
  keepContext: flag({ default: false }),
});

/** The compression parameters that an end offers or allows. */
export interface DeflateTerms {
  readonly thresholdBytes: number;
  readonly keepContext: boolean;
  /** Maximum size of an inflated message, in bytes. */
  readonly maxMessageBytes: number;
}

/** Returns the parameters of the option; `undefined` if nothing is compressed. */
export function deflateTerms(
  compression: WebSocketCompression,
  maxMessageBytes: number,
): DeflateTerms | undefined {
  if (compression === false) return undefined;
  const terms = OPTIONS.resolve(compression === true ? {} : compression);
  return { ...terms, maxMessageBytes };
}

const NAME = 'permessage-deflate';

/** The parameters of an offer or of an answer (RFC 7692, section 7.1). */
interface Parameters {
  server_no_context_takeover?: true;
  client_no_context_takeover?: true;
  server_max_window_bits?: number;
  /** In an offer, `true` if the parameter has no value, which means that the client supports every value. */
  client_max_window_bits?: number | true;
}

// --- a server ---

/**
 * Accepts the first of the client's offers that the server supports. The answer contains only parameters of the offer, because
 * some clients, for example Netty's, refuse other parameters. A server can use a new window for each message without an
 * announcement.
 *
 * @returns `undefined` if no offer is supported
 * @throws Error for a header that breaks the syntax
 */
export function acceptDeflate(
  header: string,
  terms: DeflateTerms,
): { readonly text: string; readonly deflate: AgreedDeflate } | undefined {
  for (const extension of parseExtensions(header)) {
    const offer = extension.name === NAME ? parametersOf(extension, true) : undefined;
    if (offer === undefined) continue;
    const asked = offer.server_max_window_bits ?? LARGEST_WINDOW_BITS;
    const windowBits = WINDOW_BITS.find((bits) => bits <= asked);
    if (windowBits === undefined) continue;
    const isFresh = !terms.keepContext || offer.server_no_context_takeover === true;
    let text = NAME;
    if (offer.server_no_context_takeover) text += '; server_no_context_takeover';
    if (offer.client_no_context_takeover) text += '; client_no_context_takeover';
    if (offer.server_max_window_bits) text += `; server_max_window_bits=${windowBits}`;
    const keepsPeer = !offer.client_no_context_takeover;
    return { text, deflate: agreed(terms, { windowBits, isFresh, keepsPeer, isShared: isFresh }) };
  }
  return undefined;
}

// --- a client ---

/** Returns a client's offer. */
export function offerOf({ keepContext }: DeflateTerms): string {
  const fresh = keepContext ? '' : '; server_no_context_takeover; client_no_context_takeover';
  return `${NAME}${fresh}; client_max_window_bits`;
}

/**
 * Reads the server's answer to {@link offerOf}.
 *
 * @throws Error for an answer that the offer does not permit
 */
export function deflateOfAnswer(header: string, terms: DeflateTerms | undefined): AgreedDeflate {
  const [extension, ...more] = parseExtensions(header);
  if (terms === undefined || extension?.name !== NAME || more.length > 0) {
    throw new Error('Server indicated an extension that was not requested');
  }
  const answer = parametersOf(extension, false);
  if (answer === undefined) throw new Error('Invalid Sec-WebSocket-Extensions header');
  const windowBits = (answer.client_max_window_bits ?? LARGEST_WINDOW_BITS) as number;
  const isFresh = !terms.keepContext || answer.client_no_context_takeover === true;
  const keepsPeer = !answer.server_no_context_takeover;
  const isUsable = windowBits >= WINDOW_BITS.at(-1)!;
  const thresholdBytes = isUsable ? terms.thresholdBytes : Number.POSITIVE_INFINITY;
  return agreed({ ...terms, thresholdBytes }, { windowBits, isFresh, keepsPeer, isShared: false });
}

// --- both ---

interface Windows {
  readonly windowBits: number;
  readonly isFresh: boolean;
  readonly keepsPeer: boolean;
  readonly isShared: boolean;
}

function agreed(
  { thresholdBytes, maxMessageBytes }: DeflateTerms,
  { windowBits, isFresh, keepsPeer, isShared }: Windows,
): AgreedDeflate {
  return {
    windowBits,
    thresholdBytes,
    maxSharedBytes: isShared ? MAX_SHARED_BYTES : thresholdBytes - 1,
    own: new WindowDeflate({ windowBits, keepsOwn: !isFresh, keepsPeer, maxMessageBytes }),
  };
}

/** Returns `undefined` for unknown, wrong or repeated parameters. Such an offer is declined (RFC 7692, section 7). */
function parametersOf({ parameters }: Extension, isOffer: boolean): Parameters | undefined {
  const known: Parameters = {};
  for (const [name, value] of parameters) {
    if (name in known) return undefined;
    if (name === 'server_no_context_takeover' || name === 'client_no_context_takeover') {
      if (value !== undefined) return undefined;
      known[name] = true;
    } else if (name === 'client_max_window_bits' && value === undefined && isOffer) {
      known[name] = true;
    } else if (name === 'server_max_window_bits' || name === 'client_max_window_bits') {
      if (value === undefined || !BITS.test(value)) return undefined;
      known[name] = Number(value);
    } else return undefined;
  }
  return known;
}

/** Matches 8 to 15, without a leading zero. */
const BITS = /^(?:[89]|1[0-5])$/;
