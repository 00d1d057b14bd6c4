import net from 'node:net';
import { Bootstrap, type LogLevel } from '@headrace/core';
import { expect, it } from 'vitest';
import { ProxyProtocolEncoder, proxyHeader } from '../../src/index.ts';

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

it('a refused connect is an error of connect alone, and the header of the PROXY protocol is not logged', async () => {
  const lines: string[] = [];
  const log = (level: LogLevel, text: string): void => void lines.push(`${level} ${text}`);
  const bootstrap = new Bootstrap()
    .options({ logger: { log } })
    .handler(({ pipeline }) =>
      pipeline.addLast(new ProxyProtocolEncoder(proxyHeader(undefined, undefined))),
    );
  const port = await freePort();
  await expect(bootstrap.connect({ host: '127.0.0.1', port })).rejects.toMatchObject({
    code: 'HR_ERR_CHANNEL_REFUSED',
  });
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  expect(lines).toEqual([]);
});
