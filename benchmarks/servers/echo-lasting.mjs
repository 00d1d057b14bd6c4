// As echo.mjs, on lasting channels: node benchmarks/servers/echo-lasting.mjs PORT [HOST]
import { LengthFieldFrameDecoder, LengthFieldPrepender } from '@headrace/codec';
import { ServerBootstrap } from '@headrace/core';
import { EchoHandler, IdleStateHandler } from '@headrace/handlers';
import { ResumeHandler, ResumeTable } from '@headrace/lasting';

class PassThroughHandler {
  channelRead(ctx, message) {
    ctx.fireChannelRead(message);
  }

  write(ctx, message) {
    return ctx.write(message);
  }
}

const table = new ResumeTable();
const childHandler = (channel) =>
  channel.pipeline.addLast(new PassThroughHandler(), new EchoHandler());
const [port, host = '127.0.0.1'] = process.argv.slice(2);
await new ServerBootstrap()
  .childHandler((link) =>
    link.pipeline.addLast(
      new IdleStateHandler({ readerIdleMs: 60_000 }),
      new LengthFieldFrameDecoder({
        maxFrameLength: 1 << 20,
        lengthFieldLength: 4,
        initialBytesToStrip: 4,
      }),
      new LengthFieldPrepender({ lengthFieldLength: 4 }),
      new ResumeHandler({ table, childHandler }),
    ),
  )
  .bind({ port: Number(port), host, backlog: 1024 });
console.log('ready');
