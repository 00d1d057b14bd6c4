// One kind of work at a size, without sockets: node growth-load.mjs '{"work", "size"}', forked.
// For each message { rounds } it does the work that often.
import { LengthFieldPrepender } from '@headrace/codec';
import { ChannelGroup } from '@headrace/core';
import { nullChannel, PassThroughHandler, timelessChannel } from '../micro/null-channel.mjs';

const { work, size } = JSON.parse(process.argv[2]);
const message = Buffer.alloc(100, 'x');
const times = (count, make) => Array.from({ length: count }, make);
const memberChannel = () => timelessChannel(new LengthFieldPrepender({ lengthFieldLength: 4 }));

/** Each returns what does one round. */
const WORKS = {
  /** A message through so many handlers and back. */
  handlers() {
    const last = { channelRead: (ctx, input) => ctx.channel.writeAndFlush(input) };
    const { pipeline } = nullChannel(...times(size, () => new PassThroughHandler()), last);
    return () => pipeline.fireChannelRead(message);
  },
  /** A broadcast to so many members. */
  members() {
    const group = new ChannelGroup();
    for (const channel of times(size, memberChannel)) group.add(channel);
    return () => group.writeAndFlush(message);
  },
  /** A channel joins so many groups, of ten members each, and leaves them. */
  groups() {
    const groups = times(size, () => {
      const group = new ChannelGroup();
      for (const channel of times(10, memberChannel)) group.add(channel);
      return group;
    });
    const channel = memberChannel();
    return () => {
      for (const group of groups) group.add(channel);
      for (const group of groups) group.remove(channel);
    };
  },
};

const round = WORKS[work]();
process.on('message', ({ rounds }) => {
  if (rounds === undefined) return;
  for (let i = 0; i < rounds; i += 1) round();
  process.send({ done: rounds });
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
