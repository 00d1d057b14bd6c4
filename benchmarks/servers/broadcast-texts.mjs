// Texts over WebSockets that go to all connections, the sender included: node benchmarks/servers/broadcast-texts.mjs PORT HOST
import { ChannelGroup } from '@headrace/core';
import { HttpEndpoint, WebSocketTextCodec } from '@headrace/websocket';
import { joinAndBroadcast, listen } from './members.mjs';

const [port, host = '127.0.0.1'] = process.argv.slice(2);
const toAll = joinAndBroadcast(new ChannelGroup('members'));
const endpoint = new HttpEndpoint({
  webSocket: (channel) => channel.pipeline.addLast(new WebSocketTextCodec(), toAll),
});
await listen(port, host, (channel) => channel.pipeline.addLast(endpoint.handler()));
console.log('ready');
