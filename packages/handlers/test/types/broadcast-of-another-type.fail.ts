// expect: 'number' is not assignable to type 'string'
import { ChannelGroup } from '@headrace/core';
import { BroadcastHandler } from '@headrace/handlers';

const members = new ChannelGroup<string>('members');
new BroadcastHandler(members, { format: (text: string) => `<${text}>` });
new BroadcastHandler(members, {
  format: (text: string) => text.length, // here
});
