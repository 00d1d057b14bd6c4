// expect: Misfit<"cannot read what its neighbor passes on", ThePipelineSoFar, Buffer<ArrayBufferLike>, string>
import { textLines } from '@headrace/codec';
import { Bootstrap, type Channel, type OutboundBytes } from '@headrace/core';
import { ForwardHandler } from '@headrace/handlers';

declare const channel: Channel<Buffer, OutboundBytes>;

channel.pipeline.addLast(
  new ForwardHandler({
    connect: ({ install, signal }) =>
      new Bootstrap()
        .handler((back) => {
          const texts = back.pipeline.addLast(...textLines());
          install(back);
          return texts;
        })
        .connect({ port: 1 }, { signal }),
  }),
);
