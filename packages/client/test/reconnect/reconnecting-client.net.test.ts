import { fixed, ReconnectingClient } from '@headrace/client';
import { textLines } from '@headrace/codec';
import {
  Bootstrap,
  type Context,
  type PortPlace,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { afterEach, expect, it } from 'vitest';

let server: Server | undefined;
let client: ReconnectingClient<PortPlace> | undefined;

afterEach(async () => {
  await client?.close();
  await server?.shutdown();
});

const listen = (port = 0): Promise<Server> =>
  new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler((channel) => channel.pipeline.addLast(new EchoHandler()))
    .bind({ port, host: '127.0.0.1' });

function clientOf(place: PortPlace, raceMs?: number | false): ReconnectingClient<PortPlace> {
  return new ReconnectingClient<PortPlace>({
    bootstrap: new Bootstrap()
      .options({ logger: silentLogger })
      .handler((channel) => channel.pipeline.addLast(...textLines())),
    addresses: [place],
    retry: fixed(20),
    logger: silentLogger,
    ...(raceMs !== undefined && { raceMs }),
  });
}

it('comes back over TCP when the server does', async () => {
  server = await listen();
  const { port } = server;
  client = clientOf({ host: '127.0.0.1', port });
  const names: string[] = [];
  client.on('state', ({ name }) => names.push(name));
  await client.start();
  await server.shutdown();
  await expect.poll(() => names).toContain('waiting');
  const waiting = client.writeAndFlush('typed meanwhile');
  server = await listen(port);
  await waiting;
  expect(client.state.name).toBe('online');
  expect(names.slice(0, 3)).toEqual(['connecting', 'online', 'waiting']);
});

for (const raceMs of [undefined, false] as const) {
  it(`finds the address of a name that answers, ${raceMs === false ? "in Node's way" : 'in a race'}`, async () => {
    server = await listen();
    const place: PortPlace = {
      host: 'chat.invalid',
      port: server.port,
      lookup: (_host, options, done) => {
        const both = [
          { address: '::1', family: 6 },
          { address: '127.0.0.1', family: 4 },
        ];
        if (options.all === true) done(null, both);
        else done(null, '127.0.0.1', 4);
      },
    };
    client = clientOf(place, raceMs);
    await client.start();
    expect(client.channel?.remoteAddress).toMatchObject({ host: '127.0.0.1', port: server.port });
  });
}

it('begins a connection after all input of the one before, also in a process that is busy', async () => {
  const lines = Array.from({ length: 1500 }, (_, i) => String(i));
  server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler(() => {})
    .bind({ port: 0, host: '127.0.0.1' });
  const sendAndReset = (): void => {
    const [channel] = server!.connections;
    for (const line of lines) void channel!.write(Buffer.from(`${line}\n`));
    void channel!.flush();
    setImmediate(() => channel!.abort());
  };
  const events: string[] = [];
  const bootstrap = new Bootstrap().options({ logger: silentLogger }).handler((channel) => {
    channel.pipeline.addLast(...textLines(), {
      channelRead: (ctx: Context, line: unknown) => {
        events.push(String(line));
        // More than its share of a turn. A write between two turns notices the reset.
        for (const end = performance.now() + 0.3; performance.now() < end; );
        if (channel.isOpen) {
          setImmediate(() => ctx.writeAndFlush('here').then(undefined, () => {}));
        }
      },
    });
  });
  client = new ReconnectingClient<PortPlace>({
    bootstrap,
    addresses: [{ host: '127.0.0.1', port: server.port }],
    ready: () => void events.push('ready'),
    logger: silentLogger,
  });
  let resolve = (): void => {};
  const isBack = new Promise<void>((done) => {
    resolve = done;
  });
  client.on('state', ({ name }) => {
    if (name === 'waiting') client!.networkChanged();
    if (name === 'online' && events.length > 1) resolve();
  });
  await client.start();
  sendAndReset();
  await isBack;
  await expect.poll(() => events.length).toBe(1502);
  expect(events).toEqual(['ready', ...lines, 'ready']);
});
