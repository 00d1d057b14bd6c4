import { Buffer } from 'node:buffer';
import { type EventEmitter } from 'node:events';
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';

/**
 * Lets an HTTP server answer a request whose upgrade it ignores (RFC 9110, section 7.8). The server has emitted `upgrade`, and has
 * therefore stopped reading HTTP. It begins again with the same request, in which `Connection` no longer names the upgrade.
 *
 * A server of newer versions of Node that has the option `shouldUpgradeCallback` emits `upgrade` only for its own protocols.
 *
 * @param stream - stream of the event
 * @param rest - bytes after the head
 */
export function ignoreUpgrade(
  server: EventEmitter,
  request: IncomingMessage,
  stream: Duplex,
  rest: Buffer,
): void {
  const { socket } = request;
  if (stream === socket && !(READS_BODIES && hasBody(request))) {
    stream.unshift(Buffer.concat([Buffer.from(headOf(request), 'latin1'), rest]));
    server.emit(server instanceof TlsServer ? 'secureConnection' : 'connection', stream);
    return;
  }
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.once('finish', () => socket.destroySoon());
  server.emit('request', request, response);
}

/** Node 26 and newer read the body of a request with an upgrade. Older versions stop after the head. */
const READS_BODIES = Number.parseInt(process.versions.node, 10) >= 26;

/** Returns true if the request has a body, which can be empty if it is sent in chunks. */
export function hasBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = headers;
  return coding !== undefined || Number(length) !== 0;
}

/** Returns the head of the request without the upgrade. */
function headOf({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    let value = rawHeaders[i + 1]!;
    if (name.toLowerCase() === 'connection') {
      value = tokensOf(value)
        .filter((token) => token.toLowerCase() !== 'upgrade')
        .join(', ');
      if (value === '') continue;
    }
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n`;
}

/** Returns the tokens of a header that is a list. */
export function tokensOf(header: string | undefined): readonly string[] {
  if (header === undefined) return [];
  return header.split(',').map((token) => token.trim());
}
