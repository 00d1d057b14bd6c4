// A chat for a test, and what its tests wait for.
import { silentLogger } from '@headrace/core';
import { io, type Socket } from 'socket.io-client';
import { startChat } from '../src/chat-server.ts';
import type { ClientToServer, ServerToClient } from '../src/events.ts';

export type Client = Socket<ServerToClient, ClientToServer>;

export async function runChat(files = async () => ({ html: 'the page', program: 'its program' })) {
  const server = await startChat({ port: 0, files, logger: silentLogger });
  const url = `http://127.0.0.1:${server.port}`;
  const clients: Client[] = [];
  return {
    url,
    server,
    connect(name: string): Client {
      const auth = { name };
      const client: Client = io(url, { auth, forceNew: true, reconnectionDelay: 10 });
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.disconnect();
      await server.close();
    },
  };
}

/** What a client hears, in order. */
export function heardBy(client: Client): string[] {
  const heard: string[] = [];
  client.on('said', (name, text) => void heard.push(`${name}: ${text}`));
  return heard;
}
