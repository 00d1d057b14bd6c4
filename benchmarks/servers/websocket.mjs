// Messages over WebSockets: node benchmarks/servers/websocket.mjs PORT HOST [echo | all] [deflate]
// A message goes back as one, or with `all` to every connection, its sender included.
import { ChannelGroup } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { HttpEndpoint } from '@headrace/websocket';
import { joinAndBroadcast, listen } from './members.mjs';

const [port, host = '127.0.0.1', reach = 'echo', compression] = process.argv.slice(2);
const toAll = joinAndBroadcast(new ChannelGroup('members'));
const endpoint = new HttpEndpoint({
  compression: compression === 'deflate',
  webSocket: (channel) => channel.pipeline.addLast(reach === 'all' ? toAll : new EchoHandler()),
});
await listen(port, host, (channel) => channel.pipeline.addLast(endpoint.handler()));
console.log('ready');
