// A client in a terminal: `npm run chat -- ann`. Each line that is typed is a message; the end of the input ends it.
import { createInterface } from 'node:readline';
import { Bootstrap, handler } from '@headrace/core';
import { HEARTBEAT_PRESETS, HeartbeatHandler } from '@headrace/handlers';
import { addFrames, MAX_MESSAGE_BYTES } from './chat-pipeline.ts';

const [id = 'guest'] = process.argv.slice(2);
const port = Number(process.env['NETTY_TCP_PORT'] ?? 18_888);

/** Prints each text that the server sends. */
const printer = handler<{ reads: string; passesOn: never; writes: string }>({
  channelRead: (_ctx, text) => console.log(text),
});

const channel = await new Bootstrap()
  .handler((connection) =>
    // A text of another member comes with its id before it.
    addFrames(connection, 2 * MAX_MESSAGE_BYTES).addLast(
      // Sends PING while nothing is typed, and closes the connection when no PONG comes back.
      new HeartbeatHandler(HEARTBEAT_PRESETS.relaxed),
      printer,
    ),
  )
  .connect({ host: '127.0.0.1', port });

channel.pipeline.writeAndFlush(`AUTH:${id}`);
const input = createInterface({ input: process.stdin });
input.on('line', (line) => void channel.pipeline.writeAndFlush(line));
input.on('close', () => void channel.end());
await channel.closed;
input.close();
process.stdin.destroy();
