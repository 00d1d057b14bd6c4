// Runs the cases of decoder and encoder families: what comes out of our handler, chunk by chunk, in
// Netty's words.
import { type Handler, HeadraceError, OptionError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { type CaseResult, PASSED, sameAsExpected } from './family.ts';

/** Our codes in Netty's words; a family adds its own. */
const NETTY_NAMES: Readonly<Record<string, string>> = {
  HR_ERR_FRAME_TOO_LONG: 'TooLongFrameException',
  HR_ERR_FRAME_CORRUPT: 'CorruptedFrameException',
  HR_ERR_DECODER_FAILED: 'DecoderException',
};

export interface DecoderCase {
  // biome-ignore lint/suspicious/noExplicitAny: each family has its own configuration
  readonly config: any;
  readonly construct?: 'error';
  readonly chunks?: readonly string[];
  readonly events?: readonly (readonly unknown[])[];
}

export interface EncoderCase {
  // biome-ignore lint/suspicious/noExplicitAny: each family has its own configuration
  readonly config: any;
  readonly construct?: 'error';
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

  override unhandledException(error: Error): void {
    this.note({ error: nettyName(error) });
  }
}

export function nettyName(error: Error): string {
  if (error instanceof HeadraceError) return NETTY_NAMES[error.code] ?? error.code;
  return error.name;
}

/** What our decoder does with the case's chunks: a list for each, and one for the close. */
export function eventsOf(handler: Handler, chunks: readonly string[]): unknown[][] {
  const channel = new NotingChannel(handler);
  const events = chunks.map((chunk) => {
    channel.writeInbound(Buffer.from(chunk, 'hex'));
    return channel.takeNoted();
  });
  channel.finish();
  return [...events, channel.takeNoted()];
}

/** The case's result if it is about the constructor, else the handler. */
export function construct(
  testCase: { readonly construct?: 'error' },
  make: () => Handler,
): Handler | CaseResult {
  const refused = testCase.construct === 'error';
  try {
    const handler = make();
    if (!refused) return handler;
    return { outcome: 'failed', detail: 'the constructor took what it must refuse' };
  } catch (error) {
    if (refused && error instanceof OptionError) return PASSED;
    return { outcome: 'failed', detail: `the constructor threw ${String(error)}` };
  }
}

export function isResult(made: Handler | CaseResult): made is CaseResult {
  return 'outcome' in made;
}

/** Runs a decoder case; `excuse` knows where we differ on purpose. */
export function runDecoderCase(
  testCase: DecoderCase,
  make: () => Handler,
  excuse: (testCase: DecoderCase) => string | undefined = () => undefined,
): CaseResult {
  const made = construct(testCase, make);
  if (isResult(made)) return made;
  const result = sameAsExpected(eventsOf(made, testCase.chunks ?? []), testCase.events);
  if (result.outcome !== 'failed') return result;
  const reason = excuse(testCase);
  return reason === undefined ? result : { outcome: 'skipped', reason };
}

/** Runs an encoder case: the bytes that reached the transport, or that the write failed. */
export function runEncoderCase(testCase: EncoderCase, make: () => Handler): CaseResult {
  const made = construct(testCase, make);
  if (isResult(made)) return made;
  const channel = new EmbeddedChannel(made);
  let failure: Error | undefined;
  channel.writeAndFlush(Buffer.from(testCase.payload ?? '', 'hex')).onSettled((error) => {
    failure = error;
  });
  const parts: Buffer[] = [];
  for (let part = channel.readOutbound<Buffer>(); part !== undefined; ) {
    parts.push(part);
    part = channel.readOutbound<Buffer>();
  }
  channel.finish();
  if (testCase.error !== undefined) {
    if (failure instanceof HeadraceError && failure.name === 'EncodeError') return PASSED;
    return { outcome: 'failed', detail: `expected ${testCase.error}, but got ${String(failure)}` };
  }
  if (failure !== undefined) return { outcome: 'failed', detail: `the write failed: ${failure}` };
  return sameAsExpected(Buffer.concat(parts).toString('hex'), testCase.output);
}
