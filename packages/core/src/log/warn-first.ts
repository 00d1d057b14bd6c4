import type { Logger } from '../contract/logger.ts';

/**
 * Logs an event that a peer can cause repeatedly. To keep strangers from filling the log, only the first event of a channel
 * is a warning.
 *
 * @param channel - the channel, or another source of lines, whose text names it
 */
export function warnFirst(
  channel: { readonly logger: Logger },
  isFirst: boolean,
  text: string,
  error?: Error,
): void {
  const more = isFirst ? '; further ones are logged at level debug' : '';
  channel.logger.log(isFirst ? 'warn' : 'debug', `${channel} ${text}${more}`, error);
}
