// A server with the limits that it has by default, but shorter times. It reports its memory, the processor time of its turns, and
// the lines of its log.
import { ServerBootstrap } from '@headrace/core';
import { ConnectionLimitHandler, MessageRateHandler } from '@headrace/handlers';
import { SocketIo, SocketIoNamespace } from '@headrace/socket-io';
import { HttpEndpoint } from '@headrace/websocket';

const TICK_MS = 5;
const TIMEOUT_MS = 3000;

const lines: string[] = [];
process.stderr.write = ((text: string, done?: () => void) => {
  lines.push(text.trim());
  done?.();
  return true;
}) as typeof process.stderr.write;

let unhandled = 0;
process.on('unhandledRejection', () => {
  unhandled += 1;
});
process.on('uncaughtException', () => {
  unhandled += 1;
});

/** The most processor time between two ticks of a timer. Time in which other processes run does not count. */
let longestTurnMs = 0;
let cpu = process.cpuUsage();
setInterval(() => {
  const { user, system } = process.cpuUsage(cpu);
  longestTurnMs = Math.max(longestTurnMs, (user + system) / 1000);
  cpu = process.cpuUsage();
}, TICK_MS);

let heard = 0;
const main = new SocketIoNamespace('/', {
  events: {
    say: () => {
      heard += 1;
    },
    ask: (_socket, answer: (value: number) => void) => answer(1),
    echo: (socket, value) => void socket.emit('echoed', value),
    join: (socket, room) => socket.join(room),
    hold: (socket) => void socket.channel.holdReads('test'),
    shout: (_socket, bytes, times) => {
      for (let i = 0; i < times; i++) main.to('crowd').emit('shouted', 'x'.repeat(bytes));
    },
  },
});
const guarded = new SocketIoNamespace('/guarded', {
  pipeline: (channel) => {
    channel.pipeline.addLast(new MessageRateHandler({ perSecond: 1000, excessPolicy: 'close' }));
  },
  events: {
    say: () => {
      heard += 1;
    },
  },
});
const undecided = new SocketIoNamespace('/undecided', { authorize: () => new Promise(() => {}) });
const recovers = new SocketIoNamespace('/recovers', { recovery: {} });

const sessions = new SocketIo({
  namespaces: [main, guarded, undecided, recovers],
  namespaceOf: (name) => (name.startsWith('/made-') ? new SocketIoNamespace(name) : undefined),
  packetTimeoutMs: TIMEOUT_MS,
  upgradeTimeoutMs: TIMEOUT_MS,
});
const endpoint = new HttpEndpoint({
  sessions,
  timeoutMs: TIMEOUT_MS,
  messageTimeoutMs: TIMEOUT_MS,
  request: async (_request, response) => {
    const turnMs = longestTurnMs;
    // What the first collection frees outside of the heap, the second one counts.
    for (let i = 0; i < 2; i++) {
      globalThis.gc!();
      await new Promise(setImmediate);
    }
    const { heapUsed, external, rss } = process.memoryUsage();
    const isPolluted = 'polluted' in {};
    const report = {
      live: heapUsed + external,
      rss,
      longestTurnMs: turnMs,
      heard,
      unhandled,
      isPolluted,
      lines,
    };
    response.end(JSON.stringify(report));
    lines.length = 0;
    // A collection that was asked for is none of a turn.
    cpu = process.cpuUsage();
    longestTurnMs = 0;
  },
});
const server = await new ServerBootstrap()
  .handler(({ pipeline }) =>
    pipeline.addLast(
      new ConnectionLimitHandler({ total: 2000, perAddress: Number.POSITIVE_INFINITY }),
    ),
  )
  .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
  .bind({ host: '127.0.0.1', port: 0, backlog: 4096 });
console.log(`listening ${server.port}`);
