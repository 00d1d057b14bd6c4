// The session of a tunnel as a transport of bytes: core's contract, from both ends.
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type Channel,
  MemoryTransport,
  type Server,
  ServerBootstrap,
  silentLogger,
  systemClock,
} from '@headrace/core';
import { describeTransport } from '@headrace/core/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fetch, TunnelEnd } from '../../src/client/tunnel-end.ts';
import { HttpEndpoint } from '../../src/index.ts';
import { TunnelSession } from '../../src/server/tunnel-session.ts';
import { namedEvent, OPEN_EVENT } from '../../src/tunnel/event-stream.ts';
import { openBody, readBody, SESSION_ID_BYTES } from '../../src/tunnel/tunnel-request.ts';

let server: Server;
let accept: (session: TunnelSession) => void = () => {};
const sessions = new Map<string, TunnelSession>();
let made = 0;

async function serve(
  connection: Channel,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // `fetch` keeps no connection then.
  response.shouldKeepAlive = false;
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const read = readBody(Buffer.concat(pieces))!;
  if ('session' in read) {
    sessions.get(read.session.toString('hex'))!.receive(read, response);
    return;
  }
  const id = Buffer.alloc(SESSION_ID_BYTES, `session ${++made} `);
  const terms = { response, connection, keepAliveMs: 15_000, ended: () => {} };
  const session = new TunnelSession(terms);
  sessions.set(id.toString('hex'), session);
  response.writeHead(200);
  response.write(namedEvent(OPEN_EVENT, JSON.stringify({ session: id.toString('base64url') })));
  accept(session);
}

beforeAll(async () => {
  server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler((channel) => {
      const endpoint = new HttpEndpoint({
        request: (request, response) => serve(channel, request, response),
      });
      channel.pipeline.addLast(endpoint.handler());
    })
    .bind({ port: 0, host: '127.0.0.1' });
});
afterAll(() => server.close());

/** The session is there before a channel opens the client's end: its first request was made by hand. */
async function ends(): Promise<{ client: MemoryTransport; ofServer: MemoryTransport }> {
  const url = `http://127.0.0.1:${server.port}/`;
  const accepted = new Promise<TunnelSession>((resolve) => {
    accept = resolve;
  });
  const life = new AbortController();
  const body = openBody({ subprotocols: [] }) as Uint8Array<ArrayBuffer>;
  const answer = await fetch(url, { method: 'POST', body, signal: life.signal });
  let isFirst = true;
  const end = new TunnelEnd({
    clock: systemClock,
    url,
    headers: {},
    subprotocols: [],
    answerTimeoutMs: 10_000,
    fetch: ((to: string, request: RequestInit) => {
      if (!isFirst) return fetch(to, request);
      isFirst = false;
      request.signal!.addEventListener('abort', () => life.abort());
      return Promise.resolve(answer);
    }) as unknown as Fetch,
  });
  return {
    client: MemoryTransport.over(systemClock, end, () => end.dial()),
    ofServer: MemoryTransport.over(systemClock, await accepted),
  };
}

describeTransport(
  { describe, it, expect },
  {
    name: 'a tunnel, from its client',
    pair: async () => {
      const { client, ofServer } = await ends();
      return [client, ofServer];
    },
    resets: true,
  },
);
describeTransport(
  { describe, it, expect },
  {
    name: 'a tunnel, from its server',
    pair: async () => {
      const { client, ofServer } = await ends();
      return [ofServer, client];
    },
    resets: true,
  },
);
