/** What {@link HeadraceError.details} holds: numbers and names, for logs and programs. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/** The classes of error; each code belongs to one. */
export type ErrorClassName =
  | 'OptionError'
  | 'PipelineError'
  | 'DecodeError'
  | 'EncodeError'
  | 'ChannelError'
  | 'TimedOutError'
  | 'RejectedError';

/** Every code, the class it belongs to and what it means. `docs/errors.md` explains each. */
export const ERROR_CODES = {
  OPTION_INVALID: ['OptionError', 'there is no such option, or its value makes no sense'],
  OPTION_CONFLICT: ['OptionError', 'two options contradict each other, or one is missing'],
  PIPELINE_DUPLICATE_NAME: ['PipelineError', 'the name is taken in this pipeline'],
  PIPELINE_UNKNOWN_NAME: ['PipelineError', 'no such handler in this pipeline'],
  PIPELINE_NOT_SHARABLE: ['PipelineError', 'the handler instance already serves a channel'],
  PIPELINE_HANDLER_FAILED: ['PipelineError', 'handlerAdded or handlerRemoved threw'],
  PIPELINE_CLOSED: ['PipelineError', 'the channel is closed, its pipeline takes no handlers'],
  PIPELINE_STATE: [
    'PipelineError',
    'the operation is not possible in this state, or this is no handler',
  ],
  FRAME_TOO_LONG: ['DecodeError', 'a frame is longer than allowed'],
  FRAME_CORRUPT: ['DecodeError', 'a frame header makes no sense'],
  FRAME_TRUNCATED: ['DecodeError', 'the input ended within a frame'],
  MESSAGE_INVALID: ['DecodeError', 'a message is not what the protocol allows'],
  TEXT_NOT_UTF8: ['DecodeError', 'bytes are not UTF-8'],
  TLS_PLAINTEXT: ['DecodeError', 'unencrypted input came after the request for TLS'],
  DECODER_FAILED: ['DecodeError', 'a decoder threw, see the cause'],
  MESSAGE_NOT_ENCODABLE: [
    'EncodeError',
    'no handler turned this message into what the transport takes',
  ],
  MESSAGE_TOO_LONG: ['EncodeError', 'a message does not fit its length field or limit'],
  ENCODER_FAILED: ['EncodeError', 'an encoder threw, see the cause'],
  CHANNEL_CLOSED: ['ChannelError', 'the channel is closed'],
  CHANNEL_NOT_CONNECTED: ['ChannelError', 'the channel is not connected yet'],
  CHANNEL_RESET: ['ChannelError', 'the peer reset the connection'],
  CHANNEL_REFUSED: ['ChannelError', 'nobody accepted the connection'],
  CHANNEL_FAILED: ['ChannelError', 'the transport failed, see the cause'],
  OUTPUT_SHUTDOWN: ['ChannelError', 'our half of the connection is shut down'],
  OUTBOUND_FULL: ['ChannelError', 'more output waits than the limit allows'],
  BIND_FAILED: ['ChannelError', 'the address could not be listened on'],
  TLS_HANDSHAKE_FAILED: ['ChannelError', 'the two sides could not agree on TLS, see the cause'],
  OPERATION_ABORTED: ['ChannelError', 'the operation was cancelled by its signal'],
  GROUP_WRITE_FAILED: ['ChannelError', 'a group operation failed for some members'],
  BUS_DOWN: ['ChannelError', 'the bus to the other processes of a cluster is down'],
  RESUME_GONE: [
    'ChannelError',
    'a lasting channel cannot go on: its other end does not have it any more',
  ],
  RECONNECT_GIVEN_UP: [
    'ChannelError',
    'the client does not try to connect any more, see the cause',
  ],
  POOL_CLOSED: ['ChannelError', 'the pool of connections is closed'],
  REQUEST_LOST: ['ChannelError', 'the connection ended before the answer came'],
  TIMEOUT_CONNECT: ['TimedOutError', 'no connection in time'],
  TIMEOUT_HANDSHAKE: ['TimedOutError', 'the TLS handshake took too long'],
  TIMEOUT_READ: ['TimedOutError', 'nothing was read in time'],
  TIMEOUT_WRITE: ['TimedOutError', 'a write was not taken in time'],
  TIMEOUT_AUTH: ['TimedOutError', 'the peer did not authenticate in time'],
  TIMEOUT_REQUEST: ['TimedOutError', 'no answer in time'],
  TIMEOUT_READY: ['TimedOutError', 'a new connection was not ready in time'],
  TIMEOUT_ACQUIRE: ['TimedOutError', 'the pool had no connection in time'],
  REJECTED_TOTAL: ['RejectedError', 'the limit of connections is reached'],
  REJECTED_PER_ADDRESS: ['RejectedError', 'the limit of connections for this address is reached'],
  REJECTED_ORIGIN: ['RejectedError', 'a page of a strange site asked for a WebSocket'],
  REJECTED_PEER: ['RejectedError', 'the peer is not a proxy that is trusted'],
  REJECTED_RATE: ['RejectedError', 'connections or messages come too fast'],
  REJECTED_FILTER: ['RejectedError', 'the address is not let in'],
  REJECTED_AUTH: ['RejectedError', 'the authenticator said no'],
  REJECTED_QUEUE: ['RejectedError', 'too much waits already, or this waited too long'],
  REQUEST_REFUSED: ['RejectedError', 'the peer answered with an error'],
} as const satisfies Record<string, readonly [ErrorClassName, string]>;

/** A code without its prefix. */
export type ErrorCode = keyof typeof ERROR_CODES;

type CodesOf<C extends ErrorClassName> = {
  [K in ErrorCode]: (typeof ERROR_CODES)[K][0] extends C ? K : never;
}[ErrorCode];

const BRAND = Symbol.for('headrace.error');
const isOrdinaryInstance = Function.prototype[Symbol.hasInstance];

const PAGE = 'https://headrace.github.io/headrace/errors';
/** Made once: an error has a reference to its own, and costs no text. */
const ADDRESSES: ReadonlyMap<string, string> = new Map(
  Object.keys(ERROR_CODES).map((code) => [code, `${PAGE}#hr_err_${code.toLowerCase()}`]),
);

/**
 * The base of all our errors: a stable `code`, `details` with numbers and names, the address of its explanation
 * (`help`), and the `cause`.
 *
 * `instanceof` this class and the seven below is true for errors of another copy of the package, too.
 */
export class HeadraceError<C extends ErrorCode = ErrorCode> extends Error {
  /** Stable, for programs: `HR_ERR_` and a code of {@link ERROR_CODES}. */
  readonly code: `HR_ERR_${C}`;
  readonly details: ErrorDetails;
  /** Where the code is explained, on the web: a property of its own, so that a printed error shows it. */
  readonly help: string;

  constructor(code: C, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = `HR_ERR_${code}`;
    this.details = details;
    this.help = ADDRESSES.get(code) ?? PAGE;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: the class that was asked for, which may be a subclass
    return isInstance(this, value);
  }

  /** The class of this error, for other copies of the package. */
  get [BRAND](): ErrorClassName | undefined {
    const codes: Readonly<Record<string, readonly [ErrorClassName, string]>> = ERROR_CODES;
    return codes[this.code.slice('HR_ERR_'.length)]?.[0];
  }
}

/** Something was configured wrongly; thrown before a socket exists. */
export class OptionError extends HeadraceError<CodesOf<'OptionError'>> {}
/** A pipeline was wired wrongly. */
export class PipelineError extends HeadraceError<CodesOf<'PipelineError'>> {}
/** The peer sent something wrong. */
export class DecodeError extends HeadraceError<CodesOf<'DecodeError'>> {}
/** We tried to send something wrong. */
export class EncodeError extends HeadraceError<CodesOf<'EncodeError'>> {}
/** The connection is gone or takes no more. */
export class ChannelError extends HeadraceError<CodesOf<'ChannelError'>> {}
/** Nothing happened in time. */
export class TimedOutError extends HeadraceError<CodesOf<'TimedOutError'>> {}
/** A policy said no. */
export class RejectedError extends HeadraceError<CodesOf<'RejectedError'>> {}

const CLASSES: ReadonlyMap<unknown, unknown> = new Map<ErrorClassName, unknown>([
  ['OptionError', OptionError],
  ['PipelineError', PipelineError],
  ['DecodeError', DecodeError],
  ['EncodeError', EncodeError],
  ['ChannelError', ChannelError],
  ['TimedOutError', TimedOutError],
  ['RejectedError', RejectedError],
]);

function isInstance(type: typeof HeadraceError, value: unknown): boolean {
  if (isOrdinaryInstance.call(type, value)) return true;
  if (typeof value !== 'object' || value === null || !(BRAND in value)) return false;
  return type === HeadraceError || CLASSES.get(value[BRAND]) === type;
}

/** Tells our errors from others, also those of another copy of the package; with a code, only that one. */
export function isHeadraceError<C extends ErrorCode>(
  error: unknown,
  code?: C,
): error is HeadraceError<C> {
  return (
    typeof error === 'object' &&
    error !== null &&
    isBranded(error) &&
    (code === undefined || (error as HeadraceError).code === `HR_ERR_${code}`)
  );
}

/** A revoked Proxy throws at any question. */
function isBranded(error: object): boolean {
  try {
    return BRAND in error;
  } catch {
    return false;
  }
}

/**
 * Makes an Error of whatever was thrown; never throws itself. A value without a text, and an error whose
 * `name`, `message` or `code` cannot be read, is the `cause` of a new one.
 */
export function toError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error && isReadable(thrown)) return thrown;
  } catch {
    return new Error('something was thrown that cannot be read', { cause: thrown });
  }
  return new Error(textOf(thrown), { cause: thrown });
}

/** Whatever was thrown as a text for an error or a log; never throws. */
export function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message) : String(thrown);
  } catch {
    return `a thrown ${typeof thrown} without a text`;
  }
}

/** Reads what others will read; a getter may throw. */
function isReadable(error: Error): boolean {
  const { name, message, code } = error as { name: unknown; message: unknown; code?: unknown };
  return typeof name === 'string' && typeof message === 'string' && typeof code !== 'symbol';
}
