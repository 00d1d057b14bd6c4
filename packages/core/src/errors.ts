/** The content of {@link HeadraceError.details}: numbers and names, for logs and programs. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/** The names of the error classes. Each code belongs to one class. */
export type ErrorClassName =
  | 'OptionError'
  | 'PipelineError'
  | 'DecodeError'
  | 'EncodeError'
  | 'ChannelError'
  | 'TimedOutError'
  | 'RejectedError';

/** One code of {@link errorCodes}: the properties that all errors with this code share. */
export interface ErrorCodeEntry<
  Class extends ErrorClassName = ErrorClassName,
  Code extends string = string,
> {
  /** Class of the errors with this code. */
  readonly className: Class;
  /** Whole code, with its prefix. */
  readonly code: Code;
  /** Meaning of the code, as part of a sentence. */
  readonly meaning: string;
  /** Web address that explains the code. */
  readonly help: string;
}

/** The codes of one package, each with its class and its meaning. */
export type ErrorCodeTable = Readonly<Record<string, readonly [ErrorClassName, string]>>;

/**
 * Defines the error codes of a package, including your own. A code is the prefix followed by its name in the table. Use a prefix
 * of your own (`ACME_`) to distinguish your codes from others. `page` is the web address that explains the codes. The anchor of
 * each code is the code in lower case.
 *
 * @example
 * ```ts run
 * import { errorCodes, isHeadraceError, RejectedError } from '@headrace/core';
 *
 * const ACME_ERRORS = errorCodes('ACME_', 'https://acme.example/errors', {
 *   FIRMWARE_TOO_OLD: ['RejectedError', 'the firmware of the device is not supported any more'],
 * });
 *
 * const error = new RejectedError(ACME_ERRORS.FIRMWARE_TOO_OLD, 'firmware 1.2 is older than 2.0');
 * console.log(error.code); // prints ACME_FIRMWARE_TOO_OLD
 * console.log(error.help); // prints https://acme.example/errors#acme_firmware_too_old
 * console.log(isHeadraceError(error, ACME_ERRORS.FIRMWARE_TOO_OLD)); // prints true
 * ```
 */
export function errorCodes<const Prefix extends string, const Table extends ErrorCodeTable>(
  prefix: Prefix,
  page: string,
  table: Table,
): {
  readonly [Name in keyof Table & string]: ErrorCodeEntry<Table[Name][0], `${Prefix}${Name}`>;
} {
  const entries = Object.entries(table).map(([name, [className, meaning]]) => {
    const code = prefix + name;
    // The address is created once. An error refers to it and needs no further memory for the text.
    return [name, { className, code, meaning, help: addressOf(page, code) }];
  });
  return Object.fromEntries(entries);
}

function addressOf(page: string, code: string): string {
  return `${page}#${code.toLowerCase()}`;
}

/** Web address that explains the codes of all Headrace packages. */
export const ERROR_PAGE = 'https://headrace.github.io/headrace/errors';

const PREFIX = 'HR_ERR_';

/** Codes that several packages use, and that applications may use. `docs/errors.md` explains each code. */
export const ERROR_CODES = errorCodes(PREFIX, ERROR_PAGE, {
  OPTION_INVALID: ['OptionError', 'an option is unknown, or its value is not valid'],
  OPTION_CONFLICT: ['OptionError', 'two options contradict each other, or one is missing'],
  PIPELINE_DUPLICATE_NAME: ['PipelineError', 'the name is taken in this pipeline'],
  PIPELINE_UNKNOWN_NAME: ['PipelineError', 'no such handler in this pipeline'],
  PIPELINE_NOT_SHARABLE: ['PipelineError', 'the handler instance already serves a channel'],
  PIPELINE_HANDLER_FAILED: ['PipelineError', 'a handler’s handlerAdded or handlerRemoved threw'],
  PIPELINE_ORDER: ['PipelineError', 'handlers stand in an order that cannot work'],
  PIPELINE_CLOSED: ['PipelineError', 'the channel is closed, its pipeline accepts no handlers'],
  PIPELINE_STATE: [
    'PipelineError',
    'the operation is not possible in this state, or this is not a handler',
  ],
  FRAME_TOO_LONG: ['DecodeError', 'a frame is longer than allowed'],
  FRAME_CORRUPT: ['DecodeError', 'a frame header is not valid'],
  FRAME_TRUNCATED: ['DecodeError', 'the input ended within a frame'],
  MESSAGE_INVALID: ['DecodeError', 'a message is not what the protocol allows'],
  MESSAGE_UNREADABLE: ['DecodeError', 'a decoder got a kind of message that it cannot read'],
  TEXT_NOT_UTF8: ['DecodeError', 'bytes are not UTF-8'],
  TLS_PLAINTEXT: ['DecodeError', 'unencrypted input came after the request for TLS'],
  DECODER_FAILED: ['DecodeError', 'a decoder threw, see the cause'],
  MESSAGE_NOT_ENCODABLE: [
    'EncodeError',
    'no handler turned this message into what the transport takes',
  ],
  MESSAGE_TOO_LONG: ['EncodeError', 'a message does not fit its length field or limit'],
  FILE_FAILED: ['EncodeError', 'a file is missing, cannot be read, or is shorter than expected'],
  ENCODER_FAILED: ['EncodeError', 'an encoder threw, see the cause'],
  CHANNEL_CLOSED: ['ChannelError', 'the channel is closed'],
  CHANNEL_RESET: ['ChannelError', 'the peer reset the connection'],
  CHANNEL_REFUSED: ['ChannelError', 'the connection was refused'],
  CHANNEL_FAILED: ['ChannelError', 'the transport failed, see the cause'],
  OUTPUT_SHUTDOWN: ['ChannelError', 'our half of the connection is shut down'],
  OUTBOUND_FULL: ['ChannelError', 'more output waits than the limit allows'],
  BIND_FAILED: ['ChannelError', 'cannot listen on the address'],
  TLS_HANDSHAKE_FAILED: ['ChannelError', 'the two sides could not agree on TLS, see the cause'],
  OPERATION_ABORTED: ['ChannelError', 'the operation was cancelled by its signal'],
  GROUP_WRITE_FAILED: ['ChannelError', 'a group operation failed for some members'],
  REQUEST_LOST: ['ChannelError', 'the connection ended before the answer came'],
  TIMEOUT_CONNECT: ['TimedOutError', 'no connection in time'],
  TIMEOUT_HANDSHAKE: ['TimedOutError', 'the TLS handshake took too long'],
  TIMEOUT_READ: ['TimedOutError', 'nothing was read in time'],
  TIMEOUT_WRITE: ['TimedOutError', 'a write was not complete in time'],
  TIMEOUT_AUTH: ['TimedOutError', 'the peer did not sign in within the time allowed'],
  TIMEOUT_REQUEST: ['TimedOutError', 'no answer in time'],
  REJECTED_TOTAL: ['RejectedError', 'the limit of connections is reached'],
  REJECTED_PER_ADDRESS: ['RejectedError', 'the limit of connections for this address is reached'],
  REJECTED_PEER: ['RejectedError', 'the peer is not a trusted proxy'],
  REJECTED_RATE: ['RejectedError', 'connections or messages come too fast'],
  REJECTED_FILTER: ['RejectedError', 'the address is not allowed by the filter'],
  REJECTED_AUTH: ['RejectedError', 'the authenticator refused the peer'],
  REJECTED_QUEUE: ['RejectedError', 'too much work waits already, or this work waited too long'],
  REQUEST_REFUSED: ['RejectedError', 'the peer answered with an error'],
});

/** The name of a code of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** A code for an error of a class: the name of a code of core, or an entry of any package. */
export type ErrorCodeOf<Class extends ErrorClassName> =
  | { [K in ErrorCode]: (typeof ERROR_CODES)[K]['className'] extends Class ? K : never }[ErrorCode]
  | ErrorCodeEntry<Class>;

/** The code of an error as in `error.code`: `HR_ERR_` and the name in its table. */
export type WholeErrorCode<C extends ErrorCode | ErrorCodeEntry> = C extends ErrorCode
  ? `HR_ERR_${C}`
  : C extends ErrorCodeEntry<ErrorClassName, infer Code>
    ? Code
    : never;

type CodeAndHelp = Pick<ErrorCodeEntry, 'code' | 'help'>;

/** Codes that errors have used, by name. The table of meanings is not read here, so that a page can be built without it. */
const raised = new Map<string, CodeAndHelp>();

function entryOf(code: ErrorCode | ErrorCodeEntry): CodeAndHelp {
  if (typeof code === 'object') return code;
  const known = raised.get(code);
  if (known !== undefined) return known;
  const whole = wholeCode(code);
  const made = { code: whole, help: addressOf(ERROR_PAGE, whole) };
  raised.set(code, made);
  return made;
}

const BRAND = Symbol.for('headrace.error');
const isOrdinaryInstance = Function.prototype[Symbol.hasInstance];

/**
 * The base class of all Headrace errors: a stable `code`, `details` with numbers and names, the web address of its explanation
 * (`help`), and the `cause`.
 *
 * `instanceof` this class or one of the seven classes below is also true for errors of another copy of the package.
 */
export class HeadraceError<
  C extends ErrorCode | ErrorCodeEntry = ErrorCode | ErrorCodeEntry,
> extends Error {
  /** Stable code for programs: `HR_ERR_` and a name of {@link ERROR_CODES}, or the code of another package. */
  readonly code: WholeErrorCode<C>;
  readonly details: ErrorDetails;
  /** Web address that explains the code. It is an own property, so that a printed error shows it. */
  readonly help: string;

  constructor(code: C, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = CLASS_NAMES.get(new.target) ?? new.target.name;
    const entry = entryOf(code);
    this.code = entry.code as WholeErrorCode<C>;
    this.details = details;
    this.help = entry.help;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: the class that was asked for, which may be a subclass
    return isInstance(this, value);
  }

  /** Class of this error, for other copies of the package. */
  get [BRAND](): ErrorClassName | undefined {
    for (const [type, name] of CLASS_NAMES) if (isOrdinaryInstance.call(type, this)) return name;
    return undefined;
  }
}

/** An error in the configuration, thrown before a socket exists. */
export class OptionError extends HeadraceError<ErrorCodeOf<'OptionError'>> {}
/** An error in the handlers of a pipeline or in their order. */
export class PipelineError extends HeadraceError<ErrorCodeOf<'PipelineError'>> {}
/** Invalid data from the peer. */
export class DecodeError extends HeadraceError<ErrorCodeOf<'DecodeError'>> {}
/** An outbound message that cannot be sent. */
export class EncodeError extends HeadraceError<ErrorCodeOf<'EncodeError'>> {}
/** An error of a connection that has ended or accepts no more output. */
export class ChannelError extends HeadraceError<ErrorCodeOf<'ChannelError'>> {}
/** An error after a deadline has passed. */
export class TimedOutError extends HeadraceError<ErrorCodeOf<'TimedOutError'>> {}
/** A refusal by a limit or a policy. */
export class RejectedError extends HeadraceError<ErrorCodeOf<'RejectedError'>> {}

/** The names in the sources: a bundler that minifies a page gives the classes other names. */
const CLASS_NAMES: ReadonlyMap<unknown, ErrorClassName> = new Map<unknown, ErrorClassName>([
  [OptionError, 'OptionError'],
  [PipelineError, 'PipelineError'],
  [DecodeError, 'DecodeError'],
  [EncodeError, 'EncodeError'],
  [ChannelError, 'ChannelError'],
  [TimedOutError, 'TimedOutError'],
  [RejectedError, 'RejectedError'],
]);

function isInstance(type: typeof HeadraceError, value: unknown): boolean {
  if (isOrdinaryInstance.call(type, value)) return true;
  if (typeof value !== 'object' || value === null || !(BRAND in value)) return false;
  const name = value[BRAND] as ErrorClassName;
  return type === HeadraceError || (name !== undefined && CLASS_NAMES.get(type) === name);
}

/**
 * Returns true for a Headrace error, even of another copy of the package. With a code, returns true only for that code. A code of
 * core, codec and handlers is given by its name, and a code of another package by its entry: `ACME_ERRORS.FIRMWARE_TOO_OLD`.
 */
export function isHeadraceError<C extends ErrorCode | ErrorCodeEntry>(
  error: unknown,
  code?: C,
): error is HeadraceError<C> {
  return (
    typeof error === 'object' &&
    error !== null &&
    isBranded(error) &&
    (code === undefined || (error as HeadraceError).code === wholeCode(code))
  );
}

function wholeCode(code: ErrorCode | ErrorCodeEntry): string {
  return typeof code === 'object' ? code.code : PREFIX + code;
}

/** A revoked Proxy throws an error on every access. */
function isBranded(error: object): boolean {
  try {
    return BRAND in error;
  } catch {
    return false;
  }
}

/**
 * Converts a thrown value to an Error. Never throws. A value without a text becomes the `cause` of a new error. So does an error
 * whose `name`, `message` or `code` cannot be read.
 */
export function toError(thrown: unknown): Error {
  try {
    if (thrown instanceof Error && isReadable(thrown)) return thrown;
  } catch {
    return new Error('something was thrown that cannot be read', { cause: thrown });
  }
  return new Error(textOf(thrown), { cause: thrown });
}

/** Returns the text of a thrown value of any type, for an error or a log. Never throws. */
export function textOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.message) : String(thrown);
  } catch {
    return `a thrown ${typeof thrown} without a text`;
  }
}

/** Reads the properties that other code will read, because a getter can throw. */
function isReadable(error: Error): boolean {
  const { name, message, code } = error as { name: unknown; message: unknown; code?: unknown };
  return typeof name === 'string' && typeof message === 'string' && typeof code !== 'symbol';
}
