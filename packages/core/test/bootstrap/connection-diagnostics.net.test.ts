import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  Bootstrap,
  CONNECTION_CHANNELS,
  type ConnectionMessage,
  ServerBootstrap,
} from '@headrace/core';
import { expect, it } from 'vitest';

/** Connects once and closes; what was published meanwhile. */
async function published(transport: 'handle' | 'socket'): Promise<string[]> {
  const seen: string[] = [];
  const note = (message: unknown, name: string | symbol): void => {
    const { channel, transportKind } = message as ConnectionMessage;
    const info = channel.closeInfo?.reason ?? 'open';
    seen.push(`${String(name)} ${transportKind} ${info} ${channel.parent?.isServer}`);
  };
  const server = await new ServerBootstrap()
    .childHandler(() => {})
    .bind({ port: 0, host: '127.0.0.1', transport });
  const connect = async (): Promise<void> => {
    const accepted = new Promise<{ closed: Promise<unknown> }>((resolve) =>
      server.once('connection', resolve),
    );
    const client = await new Bootstrap()
      .handler(() => {})
      .connect({ port: server.port, host: '127.0.0.1' });
    const child = await accepted;
    await client.close();
    await child.closed;
  };
  await connect();
  subscribe(CONNECTION_CHANNELS.accepted, note);
  subscribe(CONNECTION_CHANNELS.closed, note);
  await connect();
  unsubscribe(CONNECTION_CHANNELS.accepted, note);
  unsubscribe(CONNECTION_CHANNELS.closed, note);
  await connect();
  await server.close();
  return seen;
}

for (const kind of ['handle', 'socket'] as const) {
  it(`announces accepted and closed connections on ${kind}s to those who watch`, async () => {
    expect(await published(kind)).toEqual([
      `headrace.connection.accepted ${kind} open true`,
      `headrace.connection.closed ${kind} peer true`,
    ]);
  });
}
