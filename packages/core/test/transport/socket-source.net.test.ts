import net from 'node:net';
import { expect, it } from 'vitest';
import { AcceptingListener } from '../../src/transport/accepting-listener.ts';
import type { ListenerSink } from '../../src/transport/listener.ts';
import { SocketSource } from '../../src/transport/socket-source.ts';
import type { Transport } from '../../src/transport/transport.ts';

it('a child that cannot be made of its socket: the socket is closed, the error reported, the server goes on', async () => {
  const reported: string[] = [];
  let isBroken = true;
  const server = net.createServer();
  const adopt = (socket: net.Socket): Transport => {
    if (isBroken) throw new Error('no memory');
    socket.end('hello');
    return { abort: () => socket.destroy() } as never;
  };
  const source = new SocketSource(server, { port: 0, host: '127.0.0.1' }, adopt, {
    kind: 'socket',
    why: 'asked for',
  });
  const listener = new AcceptingListener(source);
  const up = new Promise<void>((resolve) => {
    const sink: Partial<ListenerSink> = {
      listening: resolve,
      caught: (error) => void reported.push(error.message),
      accepted: () => listener.requestAccept(),
      closed() {},
    };
    listener.open(sink as ListenerSink);
  });
  await up;
  listener.requestAccept();
  const dial = async (): Promise<string> => {
    const { port } = listener.localAddress as { readonly port: number };
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    await new Promise((resolve) => socket.once('close', resolve));
    return text;
  };
  expect(await dial()).toBe('');
  expect(reported).toEqual(['no memory']);
  isBroken = false;
  expect(await dial()).toBe('hello');
  listener.close();
});
