import { type Handler, ServerBootstrap, silentLogger } from '@headrace/core';
import { describeEarlyWrites } from '@headrace/core/testing';
import { HttpEndpoint, WebSocketBootstrap } from '@headrace/websocket';
import { describe, expect, it } from 'vitest';

async function open(near: Handler, far: Handler) {
  const endpoint = new HttpEndpoint({
    request: (_request, response) => response.end(),
    webSocket: ({ pipeline }) => pipeline.addLast(far),
  });
  const server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler(({ pipeline }) => pipeline.addLast(endpoint.handler()))
    .bind({ host: '127.0.0.1', port: 0 });
  await new WebSocketBootstrap()
    .handler(({ pipeline }) => void pipeline.addLast(near))
    .connect(`ws://127.0.0.1:${server.port}/ws`);
  return server;
}

describeEarlyWrites({ describe, it, expect }, { name: 'WebSocket, server and client', open });
