import { type Channel, ChannelGroup, ChannelMatchers } from '@headrace/core';
import { SessionRegistry } from '@headrace/handlers';
import { inject, injectable } from '@headrace/inject';
import { SETTINGS, type Settings } from '../settings/settings.ts';
import { History } from './history.ts';
import { idOf, type Member } from './member.ts';

/** What the room has done so far, in numbers. */
export interface RoomFigures {
  readonly members: number;
  /** Messages times those who got them. */
  readonly deliveries: number;
  /** Broadcasts that wait for their turn. */
  readonly backlog: number;
  /** Members closed because they did not read. */
  readonly slowClosed: number;
}

/** Who is here, what was said last. Tells the others who comes and goes. */
@injectable()
export class Room {
  readonly members: ChannelGroup;
  readonly sessions = new SessionRegistry<Member>((member) => member.id);
  readonly history = new History();
  private deliveries = 0;
  private slowClosed = 0;
  private isClosing = false;

  constructor(@inject(SETTINGS) settings: Settings) {
    this.members = new ChannelGroup('members', { maxMemberBytes: settings.maxOutboundBytes });
    this.members.on('channelJoined', (channel) =>
      this.tellOthers(channel, `JOIN:${idOf(channel)}`),
    );
    this.members.on('channelLeft', (channel) => {
      if (channel.closeInfo?.reason === 'slow-consumer') this.slowClosed += 1;
      this.tellOthers(channel, `LEAVE:${idOf(channel)}`);
    });
  }

  /** The ids of all who are signed in, in the order in which they came; a snapshot. */
  people(): string[] {
    return [...this.sessions.ids()];
  }

  /** A member says something to the others. */
  said(id: string, text: string): void {
    this.history.add({ id, text, at: Date.now() });
    this.deliveries += this.members.size - 1;
  }

  figures(): RoomFigures {
    const { deliveries, slowClosed } = this;
    const { size: members, backlog } = this.members;
    return { members, deliveries, backlog, slowClosed };
  }

  /** Everybody goes now: nobody needs to hear of each other's leaving. */
  close(): void {
    this.isClosing = true;
  }

  private tellOthers(channel: Channel, text: string): void {
    if (!this.isClosing) this.members.writeAndFlush(text, ChannelMatchers.isNot(channel));
  }
}
