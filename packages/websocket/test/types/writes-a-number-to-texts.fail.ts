// expect: Argument of type 'number' is not assignable to parameter of type 'string'
// expect: Property 'foo' does not exist on type 'string'
import { WebSocketBootstrap, WebSocketTextCodec } from '@headrace/websocket';

const channel = await new WebSocketBootstrap()
  .handler(({ pipeline }) => pipeline.addLast(new WebSocketTextCodec()))
  .connect('ws://127.0.0.1:1/ws');
await channel.writeAndFlush('hello');
await channel.writeAndFlush(5); // here
for await (const text of channel) {
  text.foo; // here
}
