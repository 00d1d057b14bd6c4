import type { Channel } from '@headrace/core';
import type { RespCodec, RespInput } from '@headrace/resp';
import type { Memory } from './memory.ts';
import type { Store } from './store.ts';
import type { Subscriptions } from './subscriptions.ts';

/** The state that all connections share. */
export interface Shared {
  readonly memory: Memory;
  readonly store: Store;
  readonly subscriptions: Subscriptions;
}

/** One client, as the commands see it. */
export class Session {
  readonly memory: Memory;
  readonly store: Store;
  readonly subscriptions: Subscriptions;
  readonly codec: RespCodec;
  readonly channel: Channel;
  /** The channels of the client's subscriptions. */
  readonly names = new Set<string>();
  clientName = '';
  /** It has quit: nothing that it sent after that is acted on. */
  isOver = false;

  constructor(channel: Channel, codec: RespCodec, { memory, store, subscriptions }: Shared) {
    this.channel = channel;
    this.codec = codec;
    this.memory = memory;
    this.store = store;
    this.subscriptions = subscriptions;
  }

  /** For commands that answer more than once. */
  reply(message: RespInput): void {
    this.channel.write(message);
  }
}
