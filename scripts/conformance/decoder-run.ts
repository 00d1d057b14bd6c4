// Runs the cases of decoder and encoder families: what comes out of our handler, chunk by chunk, in
// Netty's words.
import { type Handler, HeadraceError, isHeadraceError, OptionError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { type CaseResult, PASSED, sameAsExpected } from './family.ts';

/** Our codes in Netty's words; a family adds its own. */
const NETTY_NAMES: Readonly<Record<string, string>> = {
  HR_ERR_FRAME_TOO_LONG: 'TooLongFrameException',
  HR_ERR_FRAME_CORRUPT: 'CorruptedFrameException',
  HR_ERR_DECODER_FAILED: 'DecoderException',
};

interface FrameCase {
  // biome-ignore lint/suspicious/noExplicitAny: each family has its own configuration
  readonly config: any;
  readonly construct?: 'error';
  readonly class?: string;
}

export interface DecoderCase extends FrameCase {
  readonly chunks?: readonly string[];
  readonly events?: readonly (readonly unknown[])[];
}

interface EncoderCase extends FrameCase {
  readonly payload?: string;
  readonly output?: string;
  readonly error?: string;
}

/** A channel that notes what passes its last handler. */
class NotingChannel extends EmbeddedChannel {
  declare noted: unknown[];
  declare nameOf: (error: Error) => string;

  note(entry: unknown): void {
    this.noted ??= [];
    this.noted.push(entry);
  }

  takeNoted(): unknown[] {
    const { noted = [] } = this;
    this.noted = [];
    return noted;
  }

  protected override handleInboundMessage(message: unknown): void {
    this.note({ frame: Buffer.from(message as Uint8Array).toString('hex') });
  }

  protected override handleException(error: Error): void {
    this.note({ error: nettyName(error) });
  }
}

function nettyName(error: Error): string {
  if (error instanceof HeadraceError) return NETTY_NAMES[error.code] ?? error.code;
  return error.name;
}

/** A length that does not fit, or is negative. */
function nettyEncodeError(error: Error): string {
  const isAboutLength =
    isHeadraceError(error, 'MESSAGE_TOO_LONG') || isHeadraceError(error, 'MESSAGE_NOT_ENCODABLE');
  return isAboutLength ? 'IllegalArgumentException' : String(error);
}

/** What our decoder does with the case's chunks: a list for each, and one for the close. */
function eventsOf(handler: Handler, chunks: readonly string[]): unknown[][] {
  const channel = new NotingChannel(handler);
  const events = chunks.map((chunk) => {
    channel.writeInbound(Buffer.from(chunk, 'hex'));
    return channel.takeNoted();
  });
  channel.finish();
  return [...events, channel.takeNoted()];
}

/** What Java throws for an argument; all of them are an `OptionError` of ours. */
const ARGUMENT_ERRORS: readonly (string | undefined)[] = [
  undefined,
  'IllegalArgumentException',
  'NullPointerException',
];

/** The result of a case about the constructor, else what `run` makes of the handler. */
function constructed(
  { construct, class: name }: FrameCase,
  make: () => Handler,
  run: (handler: Handler) => CaseResult,
): CaseResult {
  const refused = construct === 'error';
  let handler: Handler;
  try {
    handler = make();
  } catch (error) {
    const isRight = error instanceof OptionError && ARGUMENT_ERRORS.includes(name);
    if (refused && isRight) return PASSED;
    const wanted = refused ? `, expected ${name}` : '';
    return { outcome: 'failed', detail: `the constructor threw ${String(error)}${wanted}` };
  }
  if (!refused) return run(handler);
  return { outcome: 'failed', detail: 'the constructor took what it must refuse' };
}

/** A rule that is another one for us, on purpose: what it gives in a case in Netty's way, and in ours. */
export interface ChangedRule {
  readonly reason: string;
  model(testCase: DecoderCase, isOurs: boolean): unknown;
}

/** Runs a decoder case. One in which we differ is skipped if that is exactly what the changed rule makes. */
export function runDecoderCase(
  testCase: DecoderCase,
  make: () => Handler,
  rule?: ChangedRule,
): CaseResult {
  return constructed(testCase, make, (handler) => {
    const events = eventsOf(handler, testCase.chunks ?? []);
    const result = sameAsExpected(events, testCase.events);
    if (result.outcome !== 'failed' || rule === undefined) return result;
    const isByRule =
      sameAsExpected(rule.model(testCase, false), testCase.events) === PASSED &&
      sameAsExpected(events, rule.model(testCase, true)) === PASSED;
    return isByRule ? { outcome: 'skipped', reason: rule.reason } : result;
  });
}

function* taken<T>(take: () => T | undefined): Generator<T> {
  for (let next = take(); next !== undefined; next = take()) yield next;
}

/** All messages that a decoder makes of these bytes. */
export function decodedBy<T>(decoder: Handler, bytes: Buffer): T[] {
  const channel = new EmbeddedChannel(decoder);
  channel.writeInbound(bytes);
  const messages = [...taken(() => channel.readInbound<T>())];
  channel.finish();
  return messages;
}

/** What has come out of a channel, in hexadecimal. */
function writtenTo(channel: EmbeddedChannel): string {
  return Buffer.concat([...taken(() => channel.readOutbound<Buffer>())]).toString('hex');
}

/** The bytes that an encoder makes of these messages, in hexadecimal. */
export function encodedBy(encoder: Handler, messages: readonly unknown[]): string {
  const channel = new EmbeddedChannel(encoder);
  channel.writeOutbound(...messages);
  return writtenTo(channel);
}

/** Runs an encoder case: the bytes that reached the transport, or that the write failed. */
export function runEncoderCase(testCase: EncoderCase, make: () => Handler): CaseResult {
  return constructed(testCase, make, (handler) => {
    const channel = new EmbeddedChannel(handler);
    let failure: Error | undefined;
    channel.writeAndFlush(Buffer.from(testCase.payload ?? '', 'hex')).onSettled((error) => {
      failure = error;
    });
    const output = writtenTo(channel);
    channel.finish();
    if (failure === undefined) return sameAsExpected({ output }, { output: testCase.output });
    // What went out before a failure is no part of a case.
    return sameAsExpected({ error: nettyEncodeError(failure) }, { error: testCase.error });
  });
}
