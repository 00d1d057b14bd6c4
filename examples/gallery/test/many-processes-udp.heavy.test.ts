import dgram from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { missing, type Program, peer, system } from './program.ts';

const EXCHANGES = 200;
const ANSWERS = Array.from({ length: EXCHANGES }, (_, i) => `Server: hello ${i + 1}`);
const PEERS = [
  ['packet', 'many-processes-udp.php'],
  ['packet-c', 'many-processes-udp.c'],
  ['packet-py', 'many-processes-udp.py'],
] as const;
const HOST = '127.0.0.1';

async function freeUdpPort(): Promise<number> {
  const socket = dgram.createSocket('udp4').bind(0, HOST);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

describe.each(['udp', 'connections'])('the role %s', (role) => {
  for (const [how, file] of PEERS) {
    const lacks = missing(file);
    it.skipIf(lacks !== '')(`answers ${file}${lacks}`, async () => {
      const server = system('many-processes', role, { HOST });
      const client = peer(file, [how, HOST, await server.port(), EXCHANGES]);
      expect([await client.exit, client.lines]).toEqual([0, ANSWERS]);
      await server.stop();
    });
  }
});

const LACKS = missing('many-processes-udp.php');
it.skipIf(LACKS !== '')(
  `our client gets the answer of PHP's server, and none of nobody${LACKS}`,
  async () => {
    const port = await freeUdpPort();
    const server = peer('many-processes-udp.php', ['udp', HOST, port]);
    await server.port();
    const client = (): Program => system('many-processes', 'packet', { HOST, PORT: port });
    const answered = client();
    expect([await answered.exit, answered.lines]).toEqual([0, ['Server: hello world']]);
    server.kill();
    await server.exit;
    const alone = client();
    expect([await alone.exit, alone.lines]).toEqual([1, ['no answer']]);
  },
);
