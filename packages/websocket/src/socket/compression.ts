import { describePart, flag, whole } from '@headrace/core/authoring';
import { type Extension, parseExtensions } from './extensions.ts';
import { type MessageDeflate, WindowDeflate } from './message-deflate.ts';

/**
 * permessage-deflate (RFC 7692): `true`, or with options. It costs time for each message, memory for each connection where
 * windows are kept (32 KiB each way), and may leak the content of a message to an attacker who can add
 * text to it (CRIME). While a message is inflated, its inflated bytes count against `maxMessageBytes`.
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

/** How one end compresses the messages of a WebSocket, as the handshake agreed. */
export interface AgreedDeflate {
  /** The size of the window, as a power of two. */
  readonly windowBits: number;
  /** Messages below this size, in bytes, are sent uncompressed. */
  readonly thresholdBytes: number;
  /**
   * A message of a broadcast is compressed once for all members with windows of this size, up to so many bytes: more
   * would hold the event loop. Less than the threshold if the window is kept from message to message, which no other
   * member has, and for a client, whose frames have masks.
   */
  readonly maxSharedBytes: number;
  /** Compresses one message for this WebSocket alone, and inflates what it receives, in other threads. */
  readonly own: MessageDeflate;
}

const MAX_SHARED_BYTES = 32 * 1024;
const LARGEST_WINDOW_BITS = 15;
/**
 * The sizes of windows that a server agrees on. A broadcast is compressed once for each, so there are few. zlib has none
 * of 2^8: it would use 2^9, which such a peer cannot inflate.
 */
const WINDOW_BITS: readonly number[] = [15, 12, 9];

const OPTIONS = describePart('compression', {
  thresholdBytes: whole({ default: 1024 }),
  keepContext: flag({ default: false }),
});

/** The offer, or the limits, of one end. */
export interface DeflateTerms {
  readonly thresholdBytes: number;
  readonly keepContext: boolean;
  /** The largest size of an inflated message, in bytes. */
  readonly maxMessageBytes: number;
}

/** The option; `undefined` if nothing is compressed. */
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
  /** Without a value in an offer: the client can take any. */
  client_max_window_bits?: number | true;
}

// --- a server ---

/**
 * Takes the first of a client's offers that it can, and answers with nothing that was not offered, which some clients
 * refuse, Netty's among them. Windows that the client did not ask to be fresh may be so without a word.
 *
 * @returns `undefined` if there is no such offer
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

/** A client's offer. */
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

/** `undefined` for parameters that are unknown, wrong or there twice: such an offer is declined (RFC 7692, section 7). */
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

/** 8 to 15, without a zero before it. */
const BITS = /^(?:[89]|1[0-5])$/;
