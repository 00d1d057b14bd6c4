// expect: Argument of type 'number' is not assignable to parameter of type 'string'
import { ChannelGroup } from '@headrace/core';

const members = new ChannelGroup<string>('members');
members.writeAndFlush('hello');
members.writeAndFlush(5); // here
