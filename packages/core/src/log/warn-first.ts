import type { Channel } from '../contract.ts';

/** Logs what a peer can bring about again and again. Strangers must not fill the log: one warning for each channel. */
export function warnFirst(channel: Channel, isFirst: boolean, text: string, error?: Error): void {
  const more = isFirst ? '; further ones are logged at level debug' : '';
  channel.logger.log(isFirst ? 'warn' : 'debug', `${channel} ${text}${more}`, error);
}
