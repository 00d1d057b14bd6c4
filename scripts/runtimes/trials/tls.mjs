// TLS of servers and clients, against our own and against the runtime's.
import { equal, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import tls from 'node:tls';
import { textLines } from '@headrace/codec';
import { TLS, TlsClientContext, TlsServerContext, upgradeToTls } from '@headrace/core';
import { closeOf, dial, echo, nextChild, pause, serve, take } from './peers.mjs';

const trust = ({ ca }) => ({ ca, servername: 'localhost' });

export const tlsTrials = {
  async 'TLS server and client'({ ca, localhost }) {
    const server = await serve(() => [echo], { tls: { ...localhost, alpn: ['b/1', 'a/1'] } });
    const client = await dial(server, () => [], { tls: { ...trust({ ca }), alpn: ['a/1'] } });
    client.writeAndFlush(Buffer.from('hello'));
    equal(String(await take(client, 1)), 'hello');
    const { protocol, alpn, isPeerVerified } = client.attributes.get(TLS);
    equal(`${protocol} ${alpn} ${isPeerVerified}`, 'TLSv1.3 a/1 true');
    await server.close();
  },

  async 'TLS server and a client of the runtime'({ ca, localhost }) {
    const server = await serve(() => [echo], { tls: localhost });
    const accepted = nextChild(server);
    const { port } = server;
    const socket = tls.connect({ host: '127.0.0.1', port, ca, servername: 'localhost' });
    await once(socket, 'secureConnect');
    socket.write('hello');
    const [data] = await once(socket, 'data');
    equal(String(data), 'hello');
    const child = await accepted;
    equal(child.attributes.get(TLS).servername, 'localhost');
    socket.end();
    equal(await closeOf(child), 'peer by peer');
    await server.close();
  },

  async 'TLS client and a server of the runtime'({ ca, localhost }) {
    const server = tls.createServer(localhost, (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = await dial(server.address(), () => [], { tls: trust({ ca }) });
    client.writeAndFlush(Buffer.from('hello'));
    equal(String(await take(client, 1)), 'hello');
    await client.close();
    server.close();
  },

  async 'a broken certificate is refused by bind'({ localhost }) {
    const cert = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    await rejects(
      serve(() => [echo], { tls: { ...localhost, cert } }),
      {
        code: 'HR_ERR_OPTION_INVALID',
      },
    );
  },

  async 'abort on TLS sends a reset'({ ca, localhost }) {
    const server = await serve(() => [echo], { tls: localhost });
    const accepted = nextChild(server);
    const client = await dial(server, () => [], { tls: trust({ ca }) });
    client.writeAndFlush(Buffer.from('hello'));
    await take(client, 1);
    await client.abort();
    equal(await closeOf(await accepted), 'reset by peer');
    await server.close();
  },

  async 'a session is resumed'({ ca, localhost }) {
    const server = await serve(() => [echo], { tls: localhost });
    const options = { host: '127.0.0.1', port: server.port, ca, servername: 'localhost' };
    const first = tls.connect(options);
    let session;
    first.on('session', (ticket) => {
      session = ticket;
    });
    first.write('x');
    await once(first, 'data');
    await pause(50);
    ok(session, 'the client got no session');
    first.destroy();
    const second = tls.connect({ ...options, session });
    await once(second, 'secureConnect');
    ok(second.isSessionReused(), 'the second handshake was a full one');
    second.destroy();
    await server.close();
  },

  async STARTTLS({ ca, localhost }) {
    const ours = new TlsServerContext(localhost);
    const theirs = new TlsClientContext(trust({ ca }));
    const offers = {
      channelRead(ctx, line) {
        if (line !== 'STARTTLS') {
          ctx.writeAndFlush(`encrypted ${line}`);
          return;
        }
        ctx.write('220 go ahead');
        upgradeToTls(ctx, ours);
      },
    };
    const asks = {
      channelActive: (ctx) => void ctx.writeAndFlush('STARTTLS'),
      channelRead(ctx, line) {
        if (line !== '220 go ahead') {
          ctx.fireChannelRead(line);
          return;
        }
        upgradeToTls(ctx, theirs);
        ctx.writeAndFlush('hello');
      },
    };
    const lines = () => textLines({ maxLength: 80 });
    const server = await serve(() => [...lines(), offers]);
    const client = await dial(server, () => [...lines(), asks]);
    equal(String(await take(client, 1)), 'encrypted hello');
    await server.close();
  },

  async 'after STARTTLS a peer that does not read stops the writer'({ ca, localhost }) {
    const accepted = [];
    const server = await serve(() => [{ channelActive: (ctx) => void accepted.push(ctx.channel) }]);
    const client = await dial(server, () => [{ channelRead() {} }]);
    while (accepted.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const [child] = accepted;
    const theirs = new TlsClientContext(trust({ ca }));
    await Promise.all([
      upgradeToTls(child, new TlsServerContext(localhost)),
      upgradeToTls(client, theirs),
    ]);
    client.autoRead = false;
    const piece = Buffer.alloc(64 * 1024);
    let bytes = 0;
    for (
      let full = 0;
      full < 20 && bytes < 64 * 1024 * 1024;
      full = child.isWritable ? 0 : full + 1
    ) {
      for (; child.isWritable; bytes += piece.length) child.write(piece).onSettled(() => {});
      child.flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
    equal(child.isWritable, false);
    equal(bytes < 64 * 1024 * 1024, true);
    await server.close();
  },
};
