import { type Channel, ChannelGroup, ChannelMatchers } from '@headrace/core';
import { SessionRegistry } from '@headrace/handlers';
import { inject, injectable } from '@headrace/inject';
import { SETTINGS, type Settings } from '../settings/settings.ts';
import { idOf, type Member } from './member.ts';

/** Who is here. Tells the others who comes and goes. */
@injectable()
export class Room {
  readonly members: ChannelGroup;
  readonly sessions = new SessionRegistry<Member>((member) => member.id);
  private isClosing = false;

  constructor(@inject(SETTINGS) settings: Settings) {
    this.members = new ChannelGroup('members', { maxMemberBytes: settings.maxOutboundBytes });
    this.members.on('channelJoined', (channel) =>
      this.tellOthers(channel, `JOIN:${idOf(channel)}`),
    );
    this.members.on('channelLeft', (channel) => this.tellOthers(channel, `LEAVE:${idOf(channel)}`));
  }

  /** Everybody goes now: nobody needs to hear of each other's leaving. */
  close(): void {
    this.isClosing = true;
  }

  private tellOthers(channel: Channel, text: string): void {
    if (!this.isClosing) this.members.writeAndFlush(text, ChannelMatchers.isNot(channel));
  }
}
