import type { Channel } from '@headrace/core';
import type { Envelope } from '../envelope/envelope.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import { MemberPace } from '../pace/member-pace.ts';
import { PacedMessages } from '../pace/paced-messages.ts';
import type { BoundUser } from './bound-user.ts';

interface UserPace {
  readonly pace: MemberPace;
  readonly messages: PacedMessages;
}

/** Holds messages to users whose connections have unsent output, as a group does. */
export class UserPaces {
  private readonly context: ClusterContext;
  private readonly deliver: (envelope: Envelope) => void;
  private readonly paces = new Map<string, UserPace>();

  constructor(context: ClusterContext, deliver: (envelope: Envelope) => void) {
    this.context = context;
    this.deliver = deliver;
  }

  /** Returns true if a message must wait. The message is delivered when the user's connections are writable. */
  keeps(key: string, envelope: Envelope): boolean {
    return this.paces.get(key)?.messages.keeps(envelope) === true;
  }

  /** Called when the connections of a user were given a message. */
  gave(key: string, { sessions }: BoundUser<unknown>): void {
    const known = this.paces.get(key);
    if (!sessions.every(({ channel }) => channel.isWritable)) {
      (known ?? this.add(key, sessions)).pace.wroteToSome();
    } else if (known?.messages.isHeld === false && known.pace.isRested) this.paces.delete(key);
  }

  /** Delivers the held messages of a user, before the connections of the user end. */
  deliverAll(key: string): void {
    this.paces.get(key)?.messages.deliverAll();
  }

  /** Called when the user has no connections on this node any more. */
  left(key: string): void {
    const known = this.paces.get(key);
    this.paces.delete(key);
    known?.messages.clear();
    known?.pace.stop();
  }

  close(): void {
    for (const key of this.paces.keys()) this.left(key);
  }

  private add(key: string, sessions: readonly { readonly channel: Channel }[]): UserPace {
    const { wire } = this.context;
    const channels = {
      backlog: 0,
      *[Symbol.iterator]() {
        for (const { channel } of sessions) yield channel;
      },
    };
    const pace = new MemberPace(channels, wire.host.clock);
    const subject = wire.subjects.usersOf(wire.nodeId);
    const one = { pace, messages: new PacedMessages(this.context, subject, pace, this.deliver) };
    this.paces.set(key, one);
    return one;
  }
}
