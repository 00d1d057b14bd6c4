import {
  type Context,
  DecodeError,
  EncodeError,
  type Handler,
  type MessageKind,
} from '@headrace/core';
import {
  choice,
  isOutboundBytes,
  kindOf,
  misorderOfReads,
  misorderOfWrites,
} from '@headrace/core/authoring';

/**
 * The treatment of messages of a kind that a codec does not read, or does not encode:
 *
 * - `'refuse'`: an inbound message causes `HR_ERR_MESSAGE_UNREADABLE` and ends the channel, with every `frameErrorPolicy`. An
 *   outbound message fails its write with `HR_ERR_MESSAGE_NOT_ENCODABLE`.
 * - `'pass-on'`: the messages pass to the next handler unchanged, without any limit or schema, as in Netty.
 */
export type OtherMessages = 'refuse' | 'pass-on';

/** Options of every encoder and codec that does not accept every message. */
export interface OtherMessagesOptions {
  /** The treatment of messages of a kind that the handler does not read or encode. @default 'refuse' */
  readonly otherMessages?: OtherMessages;
}

export const OTHER_MESSAGES = choice(['refuse', 'pass-on'], { default: 'refuse' });

/** Returns true for a message of this kind, and for any message if the kind is not known. */
export function isOf(kind: MessageKind | undefined, message: unknown): boolean {
  if (kind === undefined) return true;
  if (kind === 'text') return typeof message === 'string';
  return isOutboundBytes(message) === (kind === 'bytes');
}

export function unreadable(ctx: Context, message: unknown): DecodeError {
  const kind = kindOf(message);
  const givers = around(ctx).before.filter(({ channelRead }) => channelRead !== undefined);
  const producer =
    givers.find(({ messageKinds }) => messageKinds?.passesOn === kind) ??
    givers.find(({ messageKinds }) => messageKinds?.passesOn === undefined);
  return new DecodeError('MESSAGE_UNREADABLE', misorderOfReads(ctx.handler, kind, producer), {
    kind,
  });
}

export function unwritable(ctx: Context, message: unknown): EncodeError {
  const kind = kindOf(message);
  const { before, after } = around(ctx);
  const writer = after.find((one) => one.write !== undefined && one.messageKinds?.writes === kind);
  const consumer = before.find(
    (one) => one.write !== undefined && one.messageKinds?.accepts === kind,
  );
  const text = misorderOfWrites(ctx.handler, kind, writer, consumer);
  return new EncodeError('MESSAGE_NOT_ENCODABLE', text, { kind });
}

/** Returns the handlers before and after a context, the nearest handler first. */
function around(ctx: Context): { readonly before: Handler[]; readonly after: Handler[] } {
  const handlers = [...ctx.pipeline].map(([, handler]) => handler);
  const at = handlers.indexOf(ctx.handler);
  return { before: handlers.slice(0, Math.max(at, 0)).reverse(), after: handlers.slice(at + 1) };
}
