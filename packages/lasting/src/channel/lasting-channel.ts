import {
  type Channel,
  ChannelError,
  type ChannelOptions,
  type OutboundBytes,
  PipelineError,
  type PipelineTemplate,
} from '@headrace/core';
import { CHANNEL_OPTIONS, custom, transportOf } from '@headrace/core/authoring';
import { LASTING_ERRORS } from '../lasting-errors.ts';
import { ResumeTransport } from './resume-transport.ts';

/** A channel that uses one link after another. A frame of a link contains one message, or several short messages. */
export type LastingChannel = Channel<Buffer, OutboundBytes>;

/**
 * Builds the pipeline of a lasting channel: a function or a template. `link` is the channel over which the lasting channel was
 * opened.
 */
export type LastingInitializer =
  | ((channel: LastingChannel, link: Channel) => unknown)
  | PipelineTemplate<unknown, unknown>;

/** @internal Options of lasting channels. Names are checked at once, and values when a channel is opened. */
export const LASTING_CHANNEL_OPTIONS = custom(
  'options of a channel',
  (name, given: ChannelOptions) => {
    CHANNEL_OPTIONS.checkNames(given, name);
    return given;
  },
);

/**
 * Resolves when the peer has all messages whose writes settled before the call. A write to a lasting channel settles when the
 * message is kept, which can be long before its arrival. Rejects with `RESUME_GONE` if the channel ends first.
 *
 * @throws PipelineError `PIPELINE_STATE` if this is not a lasting channel
 */
export function acknowledged(channel: Channel): Promise<void> {
  return resumeTransportOf(channel).acknowledged();
}

/**
 * Returns the kept messages that the peer has not acknowledged, oldest first. The list stays available after the channel has
 * ended. The peer may have received some of the messages. Writes that were flushed together settle together. If the channel ends
 * while one of these writes waits for credit, all their futures fail. The list still contains the kept messages.
 *
 * @throws PipelineError `PIPELINE_STATE` if this is not a lasting channel
 */
export function unacknowledged(channel: Channel): Buffer[] {
  return resumeTransportOf(channel).unacknowledged();
}

/**
 * Returns true while a lasting channel has a link, so that writes are sent at once.
 *
 * @throws PipelineError `PIPELINE_STATE` if this is not a lasting channel
 */
export function isLinked(channel: Channel): boolean {
  return resumeTransportOf(channel).isLinked;
}

function resumeTransportOf(channel: Channel): ResumeTransport {
  const transport = transportOf(channel);
  if (transport instanceof ResumeTransport) return transport;
  throw new PipelineError('PIPELINE_STATE', `${channel} is not a lasting channel`);
}

/** @internal Connects a channel to its transport before the pipeline is built. */
export function beginLasting(channel: Channel, transport: ResumeTransport): void {
  transport.channel = channel;
}

const GONE_TEXTS = [
  '',
  'the server does not know the channel (any more)',
  'the server no longer has the missed messages',
  'the server speaks another version',
  'the server had to give the channel up',
  'the next message ended several links in a row',
];

/** @internal Creates the error for a lasting channel that the server cannot continue. */
export function goneError(code: number, text: string, unacknowledgedCount: number): ChannelError {
  const why = text === '' ? (GONE_TEXTS[code] ?? '') : text.slice(0, 200);
  return new ChannelError(
    LASTING_ERRORS.RESUME_GONE,
    `the lasting channel cannot be resumed: ${why}; ${unacknowledgedCount} messages are not acknowledged`,
    { code, unacknowledged: unacknowledgedCount },
  );
}

/** @internal Creates the error for a lasting channel whose peer was absent for too long. */
export function absentError(windowMs: number, unacknowledgedCount: number): ChannelError {
  return new ChannelError(
    LASTING_ERRORS.RESUME_GONE,
    `the lasting channel had no link for ${windowMs} ms; ${unacknowledgedCount} messages are not acknowledged`,
    { windowMs, unacknowledged: unacknowledgedCount },
  );
}
