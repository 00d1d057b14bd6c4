import http from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';

/** A proxy in this process, for one protocol. */
export interface LocalProxy {
  readonly port: number;
  /** What clients asked for: `host:port`, and the user before an `@`. */
  readonly asked: string[];
  /** Connects to this port, whatever name is asked for. */
  to: number;
  /** The answer waits for the server's first bytes, and comes in one piece with them. */
  waitsForServer: boolean;
  close(): Promise<void>;
}

/** How a proxy answers in place of a connection. */
export type Refusal = 'refuses' | 'wants a password' | 'is silent' | 'hangs up';

/** Knows names that no DNS has, so only a proxy that finds names itself can be meant. */
export async function localProxy(
  protocol: 'http' | 'socks5',
  refusal?: Refusal,
): Promise<LocalProxy> {
  const sockets = new Set<Duplex>();
  const asked: string[] = [];
  const server = protocol === 'http' ? httpProxy(joined, refusal) : socksProxy(joined, refusal);
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const proxy: LocalProxy = {
    port,
    asked,
    to: 0,
    waitsForServer: true,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;

  function joined(target: string, client: Duplex, answer: Buffer): void {
    asked.push(target);
    const upstream = net.connect({ port: proxy.to, host: '127.0.0.1' });
    sockets.add(upstream);
    upstream.on('error', () => client.destroy());
    const go = (first = Buffer.alloc(0)): void => {
      client.write(Buffer.concat([answer, first]));
      client.pipe(upstream).pipe(client);
    };
    if (proxy.waitsForServer) upstream.once('data', go);
    else upstream.once('connect', () => go());
  }
}

type Join = (target: string, client: Duplex, answer: Buffer) => void;

function httpProxy(join: Join, refusal: Refusal | undefined): net.Server {
  const server = http.createServer();
  server.on('connect', ({ url, headers }, client) => {
    if (refusal === 'refuses') client.end('HTTP/1.1 403 No\r\n\r\n');
    else if (refusal === 'wants a password') client.end('HTTP/1.1 407 Who\r\n\r\n');
    else if (refusal === 'hangs up') client.destroy();
    if (refusal !== undefined) return;
    const [, secret = ''] = (headers['proxy-authorization'] ?? '').split(' ');
    const user = Buffer.from(secret, 'base64').toString();
    join(`${user && `${user}@`}${url}`, client, Buffer.from('HTTP/1.1 200 Yes\r\n\r\n'));
  });
  return server as unknown as net.Server;
}

function socksProxy(join: Join, refusal: Refusal | undefined): net.Server {
  return net.createServer((client) => {
    let user = '';
    const steps: ((bytes: Buffer) => void)[] = [
      (greeting) => {
        if (refusal === 'hangs up') client.destroy();
        else if (refusal !== 'is silent') {
          const wantsUser = greeting.subarray(2).includes(2);
          const method = refusal === 'wants a password' ? 255 : wantsUser ? 2 : 0;
          if (method === 2) steps.unshift(readUser);
          client.write(Buffer.from([5, method]));
        }
      },
      (request) => {
        if (refusal === 'refuses') {
          client.end(Buffer.from([5, 2, 0, 1, 0, 0, 0, 0, 0, 0]));
          return;
        }
        const isName = request[3] === 3;
        const end = isName ? 5 + request[4]! : 8;
        const host = isName
          ? request.toString('latin1', 5, end)
          : [...request.subarray(4, 8)].join('.');
        const target = `${user && `${user}@`}${host}:${request.readUInt16BE(end)}`;
        join(target, client, Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
      },
    ];
    const readUser = (bytes: Buffer): void => {
      const length = bytes[1]!;
      user = `${bytes.toString('latin1', 2, 2 + length)}:${bytes.toString('latin1', 3 + length)}`;
      client.write(Buffer.from([1, 0]));
    };
    const step = (bytes: Buffer): void => {
      const next = steps.shift();
      if (next === undefined) return;
      if (steps.length === 0) client.off('data', step);
      next(bytes);
    };
    client.on('data', step);
  });
}
