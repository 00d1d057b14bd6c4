import { Buffer } from 'node:buffer';
import http from 'node:http';
import type net from 'node:net';
import { ChannelError } from '@headrace/core';
import { placeText, urlHost } from '@headrace/core/authoring';
import type { ProxySettings, ProxyTarget } from './proxy-options.ts';

/** Asks an HTTP proxy to connect to the target. Resolves with the socket when the proxy has connected. */
export function httpTunnel(
  { username, password, ...proxy }: ProxySettings,
  { host, port }: ProxyTarget,
  socket: net.Socket,
): Promise<net.Socket> {
  const authority = `${urlHost(host)}:${port}`;
  const secret = Buffer.from(`${username}:${password}`).toString('base64');
  return new Promise((resolve, reject) => {
    const request = http.request({
      createConnection: () => socket,
      method: 'CONNECT',
      path: authority,
      headers: {
        host: authority,
        ...(username !== undefined && { 'proxy-authorization': `Basic ${secret}` }),
      },
    });
    request.once('connect', ({ statusCode = 0 }, tunnel, head) => {
      if (statusCode < 200 || statusCode > 299) {
        const hint = statusCode === 407 ? ', it wants another username and password' : '';
        const text = `the proxy ${placeText(proxy)} refused the connection to ${authority} with the status ${statusCode}${hint}`;
        reject(new ChannelError('CHANNEL_REFUSED', text, { statusCode }));
        return;
      }
      // The server can send the first bytes.
      if (head.length > 0) tunnel.unshift(head);
      resolve(socket);
    });
    request.once('error', (error: NodeJS.ErrnoException) => {
      const text = `the proxy ${placeText(proxy)} gave no connection to ${authority}: ${error.message}`;
      reject(new ChannelError('CHANNEL_FAILED', text, { code: error.code }, error));
    });
    request.end();
  });
}
