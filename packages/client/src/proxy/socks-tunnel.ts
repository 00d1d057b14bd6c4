import type net from 'node:net';
import { ChannelError } from '@headrace/core';
import { importPeer, placeText, toError } from '@headrace/core/authoring';
import type { ProxySettings, ProxyTarget } from './proxy-options.ts';

/** Maximum time of a timer. The connector has its own time-out. */
const NO_TIMEOUT_MS = 2 ** 31 - 1;

/** Asks a SOCKS5 proxy to connect to the target by name. Resolves with the socket when the proxy has connected. */
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
