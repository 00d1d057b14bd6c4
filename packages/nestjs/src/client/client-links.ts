import {
  type ClientState,
  PlaceBalance,
  ReconnectingClient,
  type ReconnectingClientOptions,
} from '@headrace/client';
import { Bootstrap, type Channel, type ConnectPlace } from '@headrace/core';
import type { ClientSettings } from './client-options.ts';
import { type ConnectionOwner, PacketClientHandler } from './packet-client-handler.ts';

/** Creates the clients that keep the connections of a HeadraceClient, one client for each connection. */
export function connectingClients(
  settings: ClientSettings,
  owner: ConnectionOwner,
  onState: (state: ClientState<ConnectPlace, Channel>) => void,
): ReconnectingClient[] {
  const options = { ...reconnectOptions(settings, owner), balance: new PlaceBalance() };
  return Array.from({ length: settings.connections }, () => {
    const client = new ReconnectingClient<ConnectPlace>(options);
    client.on('state', onState);
    return client;
  });
}

/** Returns the packet handler of a connection. */
export function packetsOf(channel: Channel): PacketClientHandler {
  return channel.pipeline.get(PacketClientHandler)!;
}

function reconnectOptions(
  settings: ClientSettings,
  owner: ConnectionOwner,
): ReconnectingClientOptions<ConnectPlace> {
  const { given, channel, clock } = settings;
  const { servers, order, retry, shouldRetry, connectTimeoutMs, logger, credentials } = given;
  return {
    bootstrap: new Bootstrap().options(channel).handler(({ pipeline }: Channel) => {
      for (const handler of settings.handlers()) pipeline.addLast(handler);
      pipeline.addLast(new PacketClientHandler(owner, settings.hasControl));
    }),
    addresses: servers,
    clock,
    ...(order !== undefined && { order }),
    ...(retry !== undefined && { retry }),
    ...(shouldRetry !== undefined && { shouldRetry }),
    ...(connectTimeoutMs !== undefined && { connectTimeoutMs }),
    ...(logger !== undefined && { logger }),
    ...(credentials !== undefined && { ready: (made: Channel) => signIn(made, credentials) }),
  };
}

async function signIn(channel: Channel, credentials: unknown): Promise<void> {
  const given = typeof credentials === 'function' ? await credentials() : credentials;
  await packetsOf(channel).signIn(given);
}
