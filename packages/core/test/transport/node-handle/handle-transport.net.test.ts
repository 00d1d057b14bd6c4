import { readFileSync } from 'node:fs';
import net from 'node:net';
import { expect, it } from 'vitest';
import type { CloseInfo } from '../../../src/contract/connection.ts';
import { chooseSockets } from '../../../src/transport/choose-sockets.ts';
import type { Transport, TransportSink } from '../../../src/transport/transport.ts';

const LOCAL: CloseInfo = { reason: 'local', by: 'local', error: undefined };

/** What a sink is called with, in order; `disconnected` calls `done`. */
function sinkOf(reported: string[], done: () => void): TransportSink {
  return {
    connected: () => void reported.push('connected'),
    received: () => void reported.push('received'),
    readComplete: () => void reported.push('readComplete'),
    inputEnded: () => void reported.push('inputEnded'),
    written: () => void reported.push('written'),
    outputEnded: () => void reported.push('outputEnded'),
    failed: (error) => void reported.push(error.message),
    isReadHeld: false,
    checkTurn() {},
    caught: (error) => void reported.push(error.message),
    disconnected: done,
  };
}

/** Accepts one connection, does something with it, and waits until it is gone. */
async function accepted(
  act: (transport: Transport, done: () => void) => void,
  keepAlive = false,
): Promise<string[]> {
  const reported: string[] = [];
  const listen = await chooseSockets('handle');
  const probes = { keepAliveInitialDelayMs: 0, keepAliveIntervalMs: 1000, keepAliveCount: 10 };
  const options = { noDelay: true, keepAlive, ...probes };
  const listening = listen({ port: 0, host: '127.0.0.1' }, options);
  let client: net.Socket | undefined;
  await new Promise<void>((resolve) => {
    listening.open({
      caught: (error) => void reported.push(error.message),
      failed: (error) => void reported.push(error.message),
      closed() {},
      listening: () => {
        listening.requestAccept();
        const { port } = listening.localAddress as { readonly port: number };
        client = net.connect(port, '127.0.0.1').on('error', () => {});
        client.once('data', (bytes) => client?.end(`re: ${bytes}`));
      },
      accepted: (transport) => {
        transport.open(sinkOf(reported, resolve));
        act(transport, resolve);
      },
    });
  });
  client?.destroy();
  listening.close();
  return reported;
}

it('an abort in the middle of a shutdown closes the handle', async () => {
  const reported = await accepted((transport) => {
    transport.shutdownOutput(LOCAL);
    transport.abort(LOCAL);
  });
  expect(reported).not.toContain('not by a handle');
});

it('an abort with a write in flight closes the handle, and the write reports nothing more', async () => {
  const reported = await accepted((transport) => {
    const large = Buffer.alloc(64 * 1024 * 1024);
    expect(transport.write([large], large.length)).toBe(false);
    transport.abort(LOCAL);
  });
  expect(reported).not.toContain('written');
});

/** The timer of the connection that the system accepted at this port, from its own table: 02 is keepalive. */
function timerOf(transport: Transport): string | undefined {
  const { port } = transport.localAddress as { readonly port: number };
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n');
  const established = new RegExp(`^ *\\d+: \\w+:${hex} \\w+:\\w+ 01 \\w+:\\w+ (\\d\\d):`);
  return rows.map((row) => established.exec(row)?.[1]).find((timer) => timer !== undefined);
}

it.runIf(process.platform === 'linux')(
  'an accepted connection has the options of the listening one',
  async () => {
    const timers: (string | undefined)[] = [];
    for (const keepAlive of [false, true]) {
      await accepted((transport) => {
        timers.push(timerOf(transport));
        transport.abort(LOCAL);
      }, keepAlive);
    }
    expect(timers).toEqual(['00', '02']);
  },
);

it('a detached connection is a stream of Node, and its own no more', async () => {
  const seen: string[] = [];
  const reported = await accepted((transport, done) => {
    const stream = transport.detach!();
    stream.on('data', (bytes) => seen.push(String(bytes)));
    stream.on('end', () => {
      seen.push('end');
      stream.end();
    });
    stream.on('close', () => {
      seen.push(`${transport.isActive}`);
      done();
    });
    stream.write('hello');
  });
  expect([seen, reported]).toEqual([['re: hello', 'end', 'false'], []]);
});

it('a detached connection is reset by an abort, and closed by a close', async () => {
  for (const end of ['abort', 'close'] as const) {
    await accepted((transport, done) => {
      transport.detach!().on('close', done).resume();
      transport[end](LOCAL);
    });
  }
});
