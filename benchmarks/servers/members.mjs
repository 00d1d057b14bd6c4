// What the servers have in common whose messages go to all members, the sender included.
import { ServerBootstrap } from '@headrace/core';
import { frameHandlers } from './frames.mjs';

class JoinAndBroadcast {
  sharable = true;
  #members;

  constructor(members) {
    this.#members = members;
  }

  channelActive(ctx) {
    this.#members.add(ctx.channel);
    ctx.fireChannelActive();
  }

  channelRead(_ctx, message) {
    this.#members.writeAndFlush(message);
  }
}

/** The last handler of a member of this group. */
export const joinAndBroadcast = (members) => new JoinAndBroadcast(members);

/** The pipeline of a connection whose messages are frames. */
export const framesBefore = (last) => (channel) =>
  channel.pipeline.addLast(...frameHandlers(), last);

export const listen = (port, host, childHandler) =>
  new ServerBootstrap()
    .childHandler(childHandler)
    .bind({ port: Number(port), host, backlog: 4096 });
