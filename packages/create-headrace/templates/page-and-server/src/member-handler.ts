// What one page may do: say its name first, then talk.
import {
  AttributeKey,
  type ChannelGroup,
  type Context,
  DrainEvent,
  type Handler,
  type Types,
} from '@headrace/core';
import type { Say, Told } from './messages.ts';

const NAME = new AttributeKey<string>('name');

type MemberTypes = Types<{ reads: Say; passesOn: never; writes: Told }>;

/** One page: a member of the room from its `join` on. */
export class MemberHandler implements Handler {
  declare readonly types: MemberTypes;
  private readonly members: ChannelGroup<Told>;

  constructor(members: ChannelGroup<Told>) {
    this.members = members;
  }

  channelRead(ctx: Context<MemberTypes>, message: Say): void {
    const { channel } = ctx;
    if (message.type === 'join') {
      channel.attributes.set(NAME, message.name);
      this.members.add(channel);
      this.announceMembers();
      return;
    }
    const from = channel.attributes.get(NAME);
    if (from === undefined) void ctx.close();
    else this.members.writeAndFlush({ type: 'said', from, text: message.text });
  }

  channelInactive(ctx: Context<MemberTypes>): void {
    if (this.members.remove(ctx.channel)) this.announceMembers();
    ctx.fireChannelInactive();
  }

  userEventTriggered(ctx: Context<MemberTypes>, event: unknown): void {
    if (event instanceof DrainEvent) {
      const text = 'the server starts again';
      event.lastWord(() => ctx.writeAndFlush({ type: 'said', from: '', text }));
    }
    ctx.fireUserEventTriggered(event);
  }

  private announceMembers(): void {
    const names = this.members.members().map((one) => one.attributes.get(NAME) ?? '');
    this.members.writeAndFlush({ type: 'here', names });
  }
}
