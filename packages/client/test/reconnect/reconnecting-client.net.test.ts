import { fixed, ReconnectingClient } from '@headrace/client';
import { textLines } from '@headrace/codec';
import {
  Bootstrap,
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
