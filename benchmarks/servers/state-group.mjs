// Members of a state group over WebSockets: node benchmarks/servers/state-group.mjs PORT HOST changes | joins
// With `changes`, a text that a member sends is the new value of a key, and members get the value alone, as in a broadcast. With
// `joins`, members get the messages of the group, and ten keys were written 5,000 times.
import { Cluster } from '@headrace/cluster';
import { stateGroup } from '@headrace/durable';
import { HttpEndpoint, WebSocketJsonCodec, WebSocketTextCodec } from '@headrace/websocket';
import { listen } from './members.mjs';
import { writeOften } from './written-state.mjs';

const [port, host = '127.0.0.1', work = 'changes'] = process.argv.slice(2);
const cluster = await Cluster.join({ app: 'bench' });
const isOfChanges = work === 'changes';
const format = ({ type, value }) => (type === 'set' ? value : undefined);
const group = stateGroup(cluster, 'state', isOfChanges ? { format } : {});
if (!isOfChanges) await writeOften((key, value) => group.set(key, value));

class Member {
  sharable = true;

  channelActive(ctx) {
    void group.join(ctx.channel).catch(() => ctx.channel.close());
    ctx.fireChannelActive();
  }

  channelRead(_ctx, text) {
    void group.set('key', text);
  }
}

const member = new Member();
const codec = () => (isOfChanges ? new WebSocketTextCodec() : new WebSocketJsonCodec());
const endpoint = new HttpEndpoint({
  webSocket: (channel) => channel.pipeline.addLast(codec(), member),
});
await listen(port, host, (channel) => channel.pipeline.addLast(endpoint.handler()));
console.log('ready');
