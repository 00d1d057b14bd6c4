import {
  type Address,
  AttributeKey,
  type Channel,
  clientAddress,
  type Logger,
} from '@headrace/core';
import { addressText } from '@headrace/core/authoring';
import { inject, injectable, token } from '@headrace/inject';

export const LOGGER = token<Logger>('logger');

const WHY = new AttributeKey<string>('chat.why');

/** The fault of a peer by close reason. Other reasons are not a fault. */
const BAD: Readonly<Record<string, string>> = {
  'bad-input': 'it broke the protocol',
  unauthenticated: 'it did not sign in properly',
  timeout: 'it took too long',
  idle: 'nothing came for too long',
  'slow-consumer': 'it does not read what it is sent',
  refused: 'too many connections',
};

/** Writes one line about each peer that misbehaved, with the reason, and none about the others. */
@injectable()
export class PeerLog {
  private readonly logger: Logger;

  constructor(@inject(LOGGER) logger: Logger) {
    this.logger = logger;
  }

  /** Writes the line when the channel closes; `isQuiet` says whether another one has taken that over. */
  watch(channel: Channel, isQuiet: () => boolean = () => false): void {
    channel.onClosed(() => {
      if (!isQuiet()) this.report(channel);
    });
  }

  /** Keeps the details for the line; the first ones are the cause of all that follows. */
  blame(channel: Channel, error: Error): void {
    if (!channel.attributes.has(WHY)) channel.attributes.set(WHY, error.message);
  }

  /** A line about one that was not let in at all. */
  refused(channel: Channel, error: Error): void {
    this.write(channel, 'refused', error.message);
  }

  private report(channel: Channel): void {
    const { reason, error } = channel.closeInfo!;
    const text = BAD[reason];
    if (text === undefined) return;
    const why = channel.attributes.get(WHY) ?? error?.message ?? text;
    this.write(channel, reason, why);
  }

  private write(channel: Channel, reason: string, why: string): void {
    this.logger.log('warn', `${placeOf(clientAddress(channel))} closed, ${reason}: ${why}`);
  }
}

function placeOf(address: Address | undefined): string {
  return address === undefined ? 'a peer' : addressText(address);
}
