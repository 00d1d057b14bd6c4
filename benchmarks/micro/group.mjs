// A broadcast to 5,000 members through an encoder, without sockets.
import { LengthFieldPrepender } from '@headrace/codec';
import { ChannelGroup } from '@headrace/core';
import { measure } from './measure.mjs';
import { timelessChannel } from './null-channel.mjs';

const MEMBERS = 5000;
const group = new ChannelGroup();
for (let i = 0; i < MEMBERS; i += 1) {
  group.add(timelessChannel(new LengthFieldPrepender({ lengthFieldLength: 4 })));
}
const message = Buffer.alloc(100);

measure(`write and flush to ${MEMBERS} members`, 'ns per member', MEMBERS * 40, (count) => {
  for (let i = 0; i < count; i += MEMBERS) {
    if (!group.writeAndFlush(message).isSuccess) throw new Error('not written to all');
  }
});
