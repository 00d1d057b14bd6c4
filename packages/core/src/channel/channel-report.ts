import type { LogLevel } from '../contract/logger.ts';
import type { Channel } from '../contract.ts';
import { EncodeError, isHeadraceError } from '../errors.ts';
import { isOwnFault } from '../log/own-fault.ts';
import { warnFirst } from '../log/warn-first.ts';
import { throwerOf } from '../pipeline/thrower.ts';
import { addressText } from '../text/address-text.ts';
import type { ChannelHooks } from './channel-options.ts';

/**
 * Returns a channel's text for logs: its id and both ends, with a `!` between the ends if the channel is not active.
 */
export function channelText({ id, isActive, localAddress, remoteAddress }: Channel): string {
  const local = localAddress === undefined ? '' : `, L:${addressText(localAddress)}`;
  const arrow = isActive ? '-' : '!';
  const remote = remoteAddress === undefined ? '' : ` ${arrow} R:${addressText(remoteAddress)}`;
  return `[id: 0x${id}${local}${remote}]`;
}

/** The last handlers, by their classes, whose dropped messages were logged, for each listener and each client channel. */
const droppedAfter = new WeakMap<Channel, WeakSet<object>>();

/**
 * Logs that a message has passed the last handler, once for each channel. The first line of a listener is a warning. Other
 * channels of the listener with the same last handler log at level `debug`, because they have the same fault.
 */
export function reportDropped(channel: Channel, message: unknown): void {
  const last = channel.pipeline.lastContext()?.name;
  const where =
    last === undefined ? 'no handler took it' : `the last handler, ${last}, passed it on`;
  let listener = channel;
  while (listener.parent !== undefined) listener = listener.parent;
  const known = droppedAfter.get(listener) ?? new WeakSet();
  droppedAfter.set(listener, known);
  // Weak, because a program can make a class for each connection.
  const type: object = channel.pipeline.last()?.constructor ?? droppedAfter;
  const level: LogLevel = known.has(type) ? 'debug' : 'warn';
  known.add(type);
  const text =
    `${channel} a message (${typeText(message)}) was dropped: ${where}; further ones are dropped silently. ` +
    'Add a handler that reads it; to ignore messages, add { channelRead() {} } as the last handler';
  channel.logger.log(level, text);
}

/** Returns the kind of a value: its class, if it has one. */
function typeText(message: unknown): string {
  if (typeof message !== 'object' || message === null) return typeof message;
  const name: unknown = message.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'object';
}

/**
 * Logs an error that has passed the last handler. The level is `debug` if the peer left or reset its connection. The
 * level is also `debug` if the channel has ended and the error is not a fault of the program, because the rest of the
 * input of such a channel often causes further errors. For other errors the level is `warn`.
 */
export function reportUncaught(channel: Channel, error: Error): void {
  const { isOpen, discardsInput } = channel;
  const level: LogLevel =
    isUsual(error) || (discardsInput && !isOwnFault(error)) ? 'debug' : 'warn';
  const then = isOpen ? 'closing' : 'the channel is closed already';
  channel.logger.log(
    level,
    `${channel} no handler caught an error${origin(error)}; ${then}`,
    error,
  );
}

/** Logs an error that concerned one message. The channel continues. */
export function reportOutlived(channel: Channel, error: Error, isFirst: boolean): void {
  const text = `no handler caught an error${origin(error)}; the channel goes on`;
  warnFirst(channel, isFirst, text, error);
}

/**
 * Logs that an `exceptionCaught` threw. A handler can throw for each message, so only the first throw of a channel is
 * logged as an error.
 */
export function reportCatcher(
  channel: Channel,
  name: string,
  thrown: Error,
  original: Error,
  isFirst: boolean,
): void {
  const text = `${channel} ${name}.exceptionCaught threw while it handled "${original.message}"`;
  channel.logger.log(isFirst ? 'error' : 'debug', text, thrown);
}

export function reportUnseenWrite(channel: Channel, hooks: ChannelHooks, error: Error): void {
  if (hooks.writeFailed === undefined) {
    const level: LogLevel = isUsual(error) ? 'debug' : 'warn';
    const sent = error instanceof EncodeError ? ': the peer gets nothing for it' : '';
    const text = `${channel} a write failed${origin(error)}, and nothing handled its error${sent}`;
    channel.logger.log(level, text, error);
    return;
  }
  hooks.writeFailed(channel, error);
}

/** Returns true for common errors: the peer left or reset the connection while data was being sent. */
function isUsual(error: Error): boolean {
  return isHeadraceError(error, 'CHANNEL_CLOSED') || isHeadraceError(error, 'CHANNEL_RESET');
}

function origin(error: Error): string {
  const name = throwerOf(error);
  return name === undefined ? '' : ` in ${name}`;
}
