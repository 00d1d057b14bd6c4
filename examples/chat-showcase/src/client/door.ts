import type { Connector } from '@headrace/client';
import type { Channel, Pipeline } from '@headrace/core';

/** A channel on which the chat's texts are written. */
export type TextChannel = Channel<never, string>;

/** Adds the link's handlers behind those that make texts. */
export type Install = (texts: Pipeline<string, string>) => Pipeline<never, string>;

/** A way to the server: what makes connections, and what stands between the wire and the texts. */
export interface Door<P> {
  readonly addresses: readonly P[];
  connector(install: Install): Connector<P, TextChannel>;
  /** Asks for something that is not a chat, on the page's own line. Doors of others have none. */
  ask?(channel: TextChannel, word: string): void;
}
