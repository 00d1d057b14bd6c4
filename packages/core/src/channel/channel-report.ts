import type { Channel, LogLevel } from '../contract.ts';
import { isHeadraceError } from '../errors.ts';
import { isOwnFault } from '../log/own-fault.ts';
import { warnFirst } from '../log/warn-first.ts';
import { throwerOf } from '../pipeline/thrower.ts';
import { addressText } from '../text/address-text.ts';
import type { ChannelHooks } from './channel-options.ts';

/** A channel in the logs: its id and both ends, with a `!` between them when it is not up. */
export function channelText({ id, isActive, localAddress, remoteAddress }: Channel): string {
  const local = localAddress === undefined ? '' : `, L:${addressText(localAddress)}`;
  const arrow = isActive ? '-' : '!';
  const remote = remoteAddress === undefined ? '' : ` ${arrow} R:${addressText(remoteAddress)}`;
  return `[id: 0x${id}${local}${remote}]`;
}

/** A message passed the last handler: one line for each channel. */
export function reportDropped(channel: Channel, message: unknown): void {
  const last = channel.pipeline.lastContext()?.name;
  const where =
    last === undefined ? 'no handler took it' : `the last handler, ${last}, passed it on`;
  const text = `${channel} a message (${typeText(message)}) was dropped: ${where}; further ones are dropped silently`;
  channel.logger.log('warn', text);
}

/** The kind of a value, by its class if it has one. */
function typeText(message: unknown): string {
  if (typeof message !== 'object' || message === null) return typeof message;
  const name: unknown = message.constructor?.name;
  return typeof name === 'string' && name !== '' ? name : 'object';
}

/**
 * An error passed the last handler. Peers go and reset connections every day, and the rest of the input of a channel that an
 * error has closed often brings further errors; the others are worth a warning.
 */
export function reportUncaught(channel: Channel, error: Error): void {
  const { isOpen } = channel;
  const level: LogLevel = isUsual(error) || (!isOpen && !isOwnFault(error)) ? 'debug' : 'warn';
  const then = isOpen ? 'closing' : 'the channel is closed already';
  channel.logger.log(
    level,
    `${channel} no handler caught an error${origin(error)}; ${then}`,
    error,
  );
}

/** An error concerned one message of a channel that goes on. */
export function reportOutlived(channel: Channel, error: Error, isFirst: boolean): void {
  const text = `no handler caught an error${origin(error)}; the channel goes on`;
  warnFirst(channel, isFirst, text, error);
}

/** An `exceptionCaught` threw, as it may do for each message of a peer: one error for each channel. */
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

/** A write failed and its failure was not observed. */
export function reportUnseenWrite(channel: Channel, hooks: ChannelHooks, error: Error): void {
  if (hooks.writeFailed === undefined) {
    const level: LogLevel = isUsual(error) ? 'debug' : 'warn';
    const text = `${channel} a write failed${origin(error)}, and nothing handled its error`;
    channel.logger.log(level, text, error);
    return;
  }
  hooks.writeFailed(channel, error);
}

/** Peers go, and reset connections, in the middle of what they are sent every day. */
function isUsual(error: Error): boolean {
  return isHeadraceError(error, 'CHANNEL_CLOSED') || isHeadraceError(error, 'CHANNEL_RESET');
}

function origin(error: Error): string {
  const name = throwerOf(error);
  return name === undefined ? '' : ` in ${name}`;
}
