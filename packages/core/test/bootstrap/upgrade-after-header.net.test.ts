import { once } from 'node:events';
import net from 'node:net';
import { duplexPair } from 'node:stream';
import tls from 'node:tls';
import {
  type Context,
  type Handler,
  ServerBootstrap,
  TlsServerContext,
  upgradeToTls,
} from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { makeAuthority } from '../fixture/certificates.ts';

const authority = await makeAuthority('ours');
const side = new TlsServerContext(await authority.sign('localhost'));
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** Takes a header of four bytes; what comes after it is TLS, asked or not. */
class FourBytes implements Handler {
  private bytes = Buffer.alloc(0);

  channelRead(ctx: Context, chunk: Buffer): void {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    if (this.bytes.length < 4) return;
    upgradeToTls(ctx, side, { received: this.bytes.subarray(4) });
    ctx.pipeline.remove(this);
  }
}

describe('upgradeToTls after a header', () => {
  it.each([0, 1, 2000])(
    'takes up %d bytes of TLS that were read together with it',
    async (early) => {
      const server = await new ServerBootstrap()
        .childHandler(
          (channel) =>
            void channel.pipeline.addLast(new FourBytes(), {
              channelRead: (ctx: Context, bytes: Buffer) => void ctx.writeAndFlush(bytes),
            }),
        )
        .bind({ port: 0, host: '127.0.0.1' });
      open.push(server);
      const socket = net.connect(server.port, '127.0.0.1');
      open.push({ close: () => socket.destroy() });
      await once(socket, 'connect');
      const [left, right] = duplexPair();
      left.once('data', (hello: Buffer) => {
        socket.write(Buffer.concat([Buffer.from('HEAD'), hello.subarray(0, early)]));
        socket.write(hello.subarray(early));
        left.on('data', (bytes: Buffer) => socket.write(bytes));
      });
      socket.on('data', (bytes) => left.write(bytes));
      const secure = tls.connect({ socket: right, ca: authority.ca, servername: 'localhost' });
      await once(secure, 'secureConnect');
      secure.write('hello');
      const [answer] = (await once(secure, 'data')) as [Buffer];
      expect(String(answer)).toBe('hello');
      secure.destroy();
    },
  );
});
