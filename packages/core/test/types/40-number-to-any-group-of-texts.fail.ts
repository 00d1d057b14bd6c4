// expect: Argument of type 'number' is not assignable to parameter of type 'string'
import { ChannelGroup, type Group, type GroupOutcome } from '@headrace/core';

const members: Group<string> = new ChannelGroup<string>('members');
export const outcome: GroupOutcome = members.writeAndFlush('hello', (channel) => channel.isActive);
members.writeAndFlush(5); // here
