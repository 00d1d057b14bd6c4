// The broadcast server under test, from the built packages: node benchmarks/servers/broadcast.mjs PORT [HOST]
// Every frame goes to every connection, its sender included.
import { ChannelGroup } from '@headrace/core';
import { framesBefore, joinAndBroadcast, listen } from './members.mjs';

const [port, host = '127.0.0.1'] = process.argv.slice(2);
await listen(port, host, framesBefore(joinAndBroadcast(new ChannelGroup('members'))));
console.log('ready');
