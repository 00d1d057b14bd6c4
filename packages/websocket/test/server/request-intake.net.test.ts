import { connect, type Socket } from 'node:net';
import { type Channel, type Server, ServerBootstrap, silentLogger } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { isHttpRequest, ProtocolDetector } from '@headrace/handlers';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpEndpoint } from '../../src/index.ts';
import type { HttpEndpointOptions } from '../../src/server/http-endpoint.ts';

let server: Server | undefined;
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.close();
});

/** Adds the handler of an endpoint to the pipeline of a connection. */
type Install = (channel: Channel, endpoint: HttpEndpoint) => void;

const alone: Install = ({ pipeline }, endpoint) => {
  pipeline.addLast(endpoint.handler());
};
/** The handler is added while the first bytes are read. */
const detected: Install = ({ pipeline }, endpoint) => {
  const http = { name: 'http', matches: isHttpRequest };
  pipeline.addLast(
    new ProtocolDetector({
      protocols: [{ ...http, install: (channel) => alone(channel, endpoint) }],
    }),
  );
};

async function start(
  options: HttpEndpointOptions,
  clock?: VirtualClock,
  install = alone,
): Promise<number> {
  const endpoint = new HttpEndpoint(options);
  server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger, ...(clock && { clock }) })
    .childHandler((channel) => install(channel, endpoint))
    .bind({ port: 0, host: '127.0.0.1' });
  return server.port;
}

function dial(port: number): {
  readonly socket: Socket;
  text(): string;
  until(end: string): Promise<void>;
} {
  let text = '';
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  sockets.push(socket);
  socket.on('data', (bytes) => {
    text += bytes;
  });
  const until = async (end: string) => {
    while (!text.endsWith(end)) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  return { socket, text: () => text, until };
}

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe('requests that arrive together', () => {
  it('are parsed one after the other, each when the answer before it is out', async () => {
    const underWay: string[] = [];
    let most = 0;
    const answers: (() => void)[] = [];
    const port = await start({
      request: (request, response) => {
        underWay.push(request.url!);
        most = Math.max(most, underWay.length);
        answers.push(() => {
          underWay.pop();
          response.end(`answer to ${request.url};`);
        });
      },
    });
    const { socket, text, until } = dial(port);
    socket.write(
      Array.from({ length: 50 }, (_, i) => `GET /${i} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''),
    );
    for (let i = 0; i < 50; i++) {
      while (answers.length === 0) await turns(1);
      expect(underWay).toEqual([`/${i}`]);
      answers.pop()!();
      await until(`answer to /${i};`);
    }
    expect(most).toBe(1);
    expect(text().match(/HTTP\/1\.1 200/g)).toHaveLength(50);
  });

  const length = 'Content-Length: 11\r\n\r\nGET / HTTP\n';
  const chunks =
    'Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nGET \n\r\n6\r\n\r\n\r\nab\r\n0\r\nTrailer: x\r\n\r\n';
  it.each([
    ['a length', length, alone],
    ['chunks', chunks, alone],
    ['a length, behind a detector', length, detected],
    ['chunks, behind a detector', chunks, detected],
  ])('may have bodies with %s, cut anywhere', async (_name, body, install) => {
    const request: HttpEndpointOptions['request'] = async (request, response) => {
      let length = 0;
      for await (const chunk of request) length += (chunk as Buffer).length;
      response.end(`${request.url} had ${length};`);
    };
    const port = await start({ request }, undefined, install);
    const one = (i: number) => `POST /${i} HTTP/1.1\r\nHost: x\r\n${body}`;
    const all = one(1) + one(2) + one(3);
    for (const size of [all.length, 1, 7, 40]) {
      const { socket, text, until } = dial(port);
      socket.setNoDelay(true);
      for (let at = 0; at < all.length; at += size) {
        socket.write(all.slice(at, at + size));
        if (at % 5 === 0) await turns(1);
      }
      await until('/3 had 11;');
      expect(text().match(/\/\d had 11;/g)).toEqual(['/1 had 11;', '/2 had 11;', '/3 had 11;']);
      socket.destroy();
    }
  });

  it('whose answers are not read stay unparsed', async () => {
    let requests = 0;
    const port = await start({
      request: (_request, response) => {
        requests += 1;
        response.end(Buffer.alloc(4 * 1024 * 1024));
      },
    });
    const { socket } = dial(port);
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2000));
    while (requests === 0) await turns(1);
    await turns(200);
    expect(requests).toBeLessThan(5);
    const [channel] = server!.connections.members();
    expect(channel!.readHolds).toContain('http');
  });
});

describe('the time of a request', () => {
  it('runs again after a request with a body, whichever end ends first', async () => {
    for (const readsBody of [true, false]) {
      const clock = new VirtualClock();
      const port = await start(
        {
          timeoutMs: 1000,
          request: (request, response) => {
            if (readsBody) request.resume();
            response.end('answer');
          },
        },
        clock,
      );
      const { socket, until } = dial(port);
      socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na');
      const run = setInterval(() => clock.runTasks(), 1);
      await until('answer');
      await turns(20);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write('GET /half');
      await turns(20);
      clock.advance(1001);
      await closed;
      clearInterval(run);
      expect(server!.connections.size).toBe(0);
      await server!.close();
    }
  });

  it('two Host headers are a bad request', async () => {
    const port = await start({ request: (_request, response) => response.end('answer') });
    const { socket, until, text } = dial(port);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n');
    await until('Bad Request\n');
    expect(text()).toMatch(/^HTTP\/1\.1 400 /);
    expect(text()).not.toContain('answer');
  });
});
