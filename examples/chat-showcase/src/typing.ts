// Who is typing, for pages: a state group, in which the keys of a member end by themselves.
import type { Cluster } from '@headrace/cluster';
import type { Channel, Context, Handler, Types } from '@headrace/core';
import { type StateGroup, stateGroup } from '@headrace/durable';
import { principalOf } from '@headrace/handlers';
import type { WebSocketInput } from '@headrace/websocket';
import { idOf } from 'headrace-example-broadcast-chat';

/** Longer than the time between two signs of a page that types. */
const TYPING_MS = 4000;
/** Further signs of a member within this time change nothing. */
const SIGN_MS = 1000;
/** An id has 64 characters at most, each of 4 bytes. */
const MAX_KEY_BYTES = 300;

/** The page's binary messages: no text of a member can be taken for them. */
const QUESTION = 'who types';
const SIGN = 'typing';
/** The page's heartbeat, which ends nobody's typing. */
const PING = /^\s*ping\s*$/i;

/** The group of a room's nodes. Its keys are `typing ann`; its messages are the texts `TYPING:` with JSON. */
export function typingGroup(cluster: Cluster<never>): StateGroup<true> {
  return stateGroup<true>(cluster, 'room', {
    maxKeyBytes: MAX_KEY_BYTES,
    format: (message) => `TYPING:${JSON.stringify(message)}`,
  });
}

/**
 * Takes the signs of a member that types, the binary messages `typing`, and shows who types to a member that asks for it, with
 * the binary message `who types`. A text of the member ends its typing.
 *
 * - **Place** on a WebSocket, before the codec that refuses binary messages: all others, and those of strangers.
 */
export class TypingHandler implements Handler {
  declare readonly types: Types<{ reads: WebSocketInput; passesOn: WebSocketInput }>;
  private readonly group: StateGroup<true>;
  private wasAsked = false;
  private isTyping = false;
  private nextSign = 0;

  constructor(group: StateGroup<true>) {
    this.group = group;
  }

  channelRead(ctx: Context, message: WebSocketInput): void {
    const { channel } = ctx;
    const isMember = principalOf(channel) !== undefined;
    const word = isMember && typeof message !== 'string' ? message.toString() : undefined;
    if (word === SIGN) this.sign(ctx);
    else if (word === QUESTION) this.join(channel);
    else {
      const isSaid = typeof message === 'string' && isMember && !PING.test(message);
      if (isSaid && this.isTyping) this.end(channel);
      ctx.fireChannelRead(message);
    }
  }

  private sign({ channel, clock }: Context): void {
    if (clock.now() < this.nextSign) return;
    this.isTyping = true;
    this.nextSign = clock.now() + SIGN_MS;
    // Without the bus, nobody sees it, and the chat goes on.
    this.group.set(keyOf(channel), true, { ttlMs: TYPING_MS, channel }).catch(() => {});
  }

  private end(channel: Channel): void {
    this.isTyping = false;
    this.nextSign = 0;
    this.group.delete(keyOf(channel)).catch(() => {});
  }

  private join(channel: Channel): void {
    if (this.wasAsked) return;
    this.wasAsked = true;
    this.group.join(channel).catch(() => {});
  }
}

const keyOf = (channel: Channel): string => `typing ${idOf(channel)}`;
