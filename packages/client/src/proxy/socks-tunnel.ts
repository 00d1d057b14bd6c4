import type net from 'node:net';
import { ChannelError } from '@headrace/core';
import { importPeer, placeText, toError } from '@headrace/core/authoring';
import type { ProxySettings, ProxyTarget } from './proxy-options.ts';

/** The longest time of a timer: the connector has a time-out of its own. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/** Asks a SOCKS5 proxy for a connection to the target, by its name; resolves with the socket once the proxy has it. */
export async function socksTunnel(
  { host, port, username, password }: ProxySettings,
  destination: ProxyTarget,
  socket: net.Socket,
): Promise<net.Socket> {
  const { SocksClient } = await importPeer('socks', 'npm install socks', () => import('socks'));
  const user = username !== undefined && { userId: username, password };
  try {
    await SocksClient.createConnection({
      proxy: { host, port, type: 5, ...user },
      command: 'connect',
      destination: { ...destination },
      existing_socket: socket,
      timeout: NO_TIMEOUT_MS,
    });
    return socket;
  } catch (thrown) {
    const why = `refused the connection to ${placeText(destination)}: ${toError(thrown).message}`;
    throw new ChannelError(
      'CHANNEL_REFUSED',
      `the proxy ${placeText({ host, port })} ${why}`,
      {},
      thrown,
    );
  }
}
