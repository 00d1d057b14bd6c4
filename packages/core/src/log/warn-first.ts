import type { Channel } from '../contract.ts';

/**
 * Logs an event that a peer can cause repeatedly. To keep strangers from filling the log, only the first event of a channel
 * is a warning.
 */
export function warnFirst(channel: Channel, isFirst: boolean, text: string, error?: Error): void {
  const more = isFirst ? '; further ones are logged at level debug' : '';
  channel.logger.log(isFirst ? 'warn' : 'debug', `${channel} ${text}${more}`, error);
}
