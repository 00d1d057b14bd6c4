// The members of the chat: the connections that are signed in.
import { type Channel, ChannelGroup, type Group } from '@headrace/core';
import { principalOf, type Sessions } from '@headrace/handlers';
import { token } from '@headrace/inject';
import type { ChatSettings } from './settings.ts';

/** The principal of a connection that is signed in. */
export interface Member {
  readonly id: string;
}

/** The group of all members: a connection that signs in is added, and leaves when it closes. */
export const MEMBERS = token<Group<string>>('members');

/** The connection of each id. */
export const SESSIONS = token<Sessions<Member>>('sessions');

/** The id under which a connection signed in; empty before that. */
export function idOf(channel: Channel): string {
  return principalOf<Member>(channel)?.id ?? '';
}

/** Makes a group that announces each join and leave to the other members. */
export function memberGroup({
  maxOutboundBytes,
}: Pick<ChatSettings, 'maxOutboundBytes'>): ChannelGroup<string> {
  const members = new ChannelGroup<string>('members', { maxMemberBytes: maxOutboundBytes });
  const announce = (text: string, about: Channel): void => {
    // A connection that ends, at a shutdown for example, takes no more output.
    members.writeAndFlush(text, (member) => member !== about && !member.isEnding);
  };
  members.on('channelJoined', (channel) => announce(`JOIN:${idOf(channel)}`, channel));
  members.on('channelLeft', (channel) => announce(`LEAVE:${idOf(channel)}`, channel));
  return members;
}
