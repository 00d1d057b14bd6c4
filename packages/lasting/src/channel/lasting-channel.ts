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

/** A channel whose transport is a succession of links; each message is one of the framing of the links. */
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
 * Resolves when the peer has everything whose writes have settled before the call: a write to a lasting channel
 * settles when the message is kept, which may be long before it arrives. Rejects with `RESUME_GONE` if the channel
 * ends before that.
 *
 * @throws PipelineError `PIPELINE_STATE` if this is no lasting channel
 */
export function acknowledged(channel: Channel): Promise<void> {
  return resumeTransportOf(channel).acknowledged();
}

/**
 * The messages that were taken and that the peer has not acknowledged, oldest first; even after the channel has
 * ended, where the peer may have got some of them or not. Writes that the channel flushed together settle together: if it
 * ends while some of them wait for credit, their futures fail, and those that were taken are here anyway.
 *
 * @throws PipelineError `PIPELINE_STATE` if this is no lasting channel
 */
export function unacknowledged(channel: Channel): Buffer[] {
  return resumeTransportOf(channel).unacknowledged();
}

/**
 * True while a lasting channel has a link, so that what is written leaves at once.
 *
 * @throws PipelineError `PIPELINE_STATE` if this is no lasting channel
 */
export function isLinked(channel: Channel): boolean {
  return resumeTransportOf(channel).isLinked;
}

function resumeTransportOf(channel: Channel): ResumeTransport {
  const transport = transportOf(channel);
  if (transport instanceof ResumeTransport) return transport;
  throw new PipelineError('PIPELINE_STATE', `${channel} is no lasting channel`);
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
