import {
  type Channel,
  ChannelError,
  type ChannelOptions,
  type OutboundBytes,
  PipelineError,
} from '@headrace/core';
import { CHANNEL_OPTIONS, custom, transportOf } from '@headrace/core/authoring';
import { LASTING_ERRORS } from '../lasting-errors.ts';
import { ResumeTransport } from './resume-transport.ts';

/** A channel that is carried by one link after the other; each of its messages is one frame of the links. */
export type LastingChannel = Channel<Buffer, OutboundBytes>;

/** Builds the pipeline of a lasting channel; `link` is the channel over which it was opened. */
export type LastingInitializer = (channel: LastingChannel, link: Channel) => unknown;

/** @internal The options of lasting channels: their names are checked at once, their values when a channel is opened. */
export const LASTING_CHANNEL_OPTIONS = custom(
  'options of a channel',
  (name, given: ChannelOptions) => {
    CHANNEL_OPTIONS.checkNames(given, name);
    return given;
  },
);

/**
 * Resolves when the peer has all messages whose writes settled before the call. A write to a lasting channel settles when the
 * message is kept, which may be long before it arrives. Rejects with `RESUME_GONE` if the channel ends before that.
 *
 * @throws PipelineError `PIPELINE_STATE` if this is not a lasting channel
 */
export function acknowledged(channel: Channel): Promise<void> {
  return resumeTransportOf(channel).acknowledged();
}

/**
 * The kept messages that the peer has not acknowledged, oldest first. They stay available after the channel has ended; the peer
 * may have got some of them. Writes that were flushed together settle together: if the channel ends while some of them wait for
 * credit, all their futures fail, but messages that were already kept are in this list.
 *
 * @throws PipelineError `PIPELINE_STATE` if this is not a lasting channel
 */
export function unacknowledged(channel: Channel): Buffer[] {
  return resumeTransportOf(channel).unacknowledged();
}

/**
 * True while a lasting channel has a link, so that writes leave at once.
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

/** @internal Puts a channel that is being opened and its transport together; before its pipeline is built. */
export function beginLasting(channel: Channel, transport: ResumeTransport): void {
  transport.channel = channel;
}

const GONE_TEXTS = [
  '',
  'the server does not know it (any more)',
  'the server no longer has what was missed',
  'the server speaks another version',
  'the server had to give it up',
];

/** @internal The error of a lasting channel that the server cannot go on with. */
export function goneError(code: number, text: string, unacknowledgedCount: number): ChannelError {
  const why = text === '' ? (GONE_TEXTS[code] ?? '') : text.slice(0, 200);
  return new ChannelError(
    LASTING_ERRORS.RESUME_GONE,
    `the lasting channel cannot be resumed: ${why}; ${unacknowledgedCount} messages are not acknowledged`,
    { code, unacknowledged: unacknowledgedCount },
  );
}

/** @internal The error of a lasting channel whose peer was absent for too long. */
export function absentError(windowMs: number, unacknowledgedCount: number): ChannelError {
  return new ChannelError(
    LASTING_ERRORS.RESUME_GONE,
    `the lasting channel had no link for ${windowMs} ms; ${unacknowledgedCount} messages are not acknowledged`,
    { windowMs, unacknowledged: unacknowledgedCount },
  );
}
