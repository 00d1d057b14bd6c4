// What the servers have in common whose messages go to all members, the sender included.
import { LengthFieldFrameDecoder, LengthFieldPrepender } from '@headrace/codec';
import { ServerBootstrap } from '@headrace/core';
import { IdleStateHandler } from '@headrace/handlers';

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
  channel.pipeline.addLast(
    new IdleStateHandler({ readerIdleMs: 60_000 }),
    new LengthFieldFrameDecoder({
      maxFrameLength: 1 << 20,
      lengthFieldLength: 4,
      initialBytesToStrip: 4,
    }),
    new LengthFieldPrepender({ lengthFieldLength: 4 }),
    last,
  );

export const listen = (port, host, childHandler) =>
  new ServerBootstrap()
    .childHandler(childHandler)
    .bind({ port: Number(port), host, backlog: 4096 });
