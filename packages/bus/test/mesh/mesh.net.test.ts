import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import net from 'node:net';
import {
  hostPlaces,
  type MeshBusOptions,
  type MeshRegister,
  meshBus,
  meshRegister,
} from '@headrace/bus/mesh';
import { Cluster, type ClusterOptions } from '@headrace/cluster';
import { isHeadraceError, silentLogger } from '@headrace/core';
import { afterEach, describe, expect, it } from 'vitest';
import { makeAuthority } from '../../../core/test/fixture/certificates.ts';
import { freePort } from '../../../core/test/fixture/free-port.ts';

const HOST = '127.0.0.1';
const KEY = 'a secret of the nodes';
const open: { leave(): Promise<void> }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.leave();
});

async function join(bus: MeshBusOptions, options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const cluster = await Cluster.join({
    app: 'mesh',
    bus: meshBus(bus),
    logger: silentLogger,
    ...options,
  });
  open.push(cluster);
  return cluster;
}

async function registerAt(port = 0, keys: readonly string[] = []): Promise<MeshRegister> {
  const register = await meshRegister({ port, keys, logger: silentLogger });
  open.push({ leave: () => register.close() });
  return register;
}

async function see(nodes: readonly Cluster[], count: number): Promise<void> {
  await until(() => nodes.every(({ nodes: seen }) => seen.length === count));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const conflict = (make: () => unknown): string => {
  try {
    make();
  } catch (error) {
    if (isHeadraceError(error, 'OPTION_CONFLICT') || isHeadraceError(error, 'OPTION_INVALID')) {
      return error.message;
    }
  }
  return 'taken';
};

describe('meshBus', () => {
  it('connects the nodes of a list, over TLS whose certificates both ends need', async () => {
    const authority = await makeAuthority('nodes');
    const other = await makeAuthority('strangers');
    const tlsOf = async ({ sign }: typeof authority) => ({
      ...(await sign('mesh.internal')),
      ca: [authority.ca],
      servername: 'mesh.internal',
    });
    const tls = await tlsOf(authority);
    const peers = [
      { host: HOST, port: await freePort() },
      { host: HOST, port: await freePort() },
    ];
    const [one, two] = await Promise.all(peers.map(({ port }) => join({ port, peers, tls })));
    await see([one!, two!], 2);
    const stranger = await join({ port: await freePort(), peers, tls: await tlsOf(other) });
    expect(stranger.state).toBe('down');
    expect([one!.nodes.length, two!.nodes.length]).toEqual([2, 2]);
  });

  it('lets no stranger hear or say anything, and says once why', async () => {
    const port = await freePort();
    const lines: string[] = [];
    const logger = { log: (level: string, text: string) => void lines.push(`${level} ${text}`) };
    const one = await join({ port, keys: [KEY] }, { logger });
    const room = one.group<string>('room', { listens: 'always' });
    const socket = net.connect(port, HOST);
    await once(socket, 'connect');
    const came: Buffer[] = [];
    socket.on('data', (bytes) => came.push(bytes));
    const send = (value: unknown): void => {
      const body = Buffer.from(JSON.stringify(value));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(body.byteLength);
      socket.write(Buffer.concat([length, body]));
    };
    send({ mesh: 1, id: '0', kind: 'node', host: HOST, port: 1, hasKeys: true, nonce: '' });
    await until(() => came.length > 0);
    send({ verdict: 'join', proof: Buffer.alloc(32).toString('base64url') });
    const before = Buffer.concat(came).toString();
    await once(socket, 'close');
    await room.writeAndFlush('secret');
    expect(Buffer.concat(came).toString()).toBe(before);
    expect(before).not.toContain('hr.');
    const refusals = lines.filter((line) => line.includes('is not connected'));
    expect(refusals).toHaveLength(1);
    expect(refusals[0]).toMatch(
      /^warn the node 127\.0\.0\.1:\d+ is not connected: it has another key$/,
    );
  });

  it('finds the nodes by a register, which may end and come back', async () => {
    const port = await freePort();
    let register = await registerAt(port, [KEY]);
    const options = { port: 0, keys: [KEY], register: [{ host: HOST, port }] };
    const nodes = [await join(options), await join(options)];
    await see(nodes, 2);
    expect(register.nodes).toHaveLength(2);
    await register.close();
    expect(nodes.map(({ state }) => state)).toEqual(['up', 'up']);
    register = await registerAt(port, [KEY]);
    nodes.push(await join(options));
    await see(nodes, 3);
    await nodes[0]!.leave();
    await see(nodes.slice(1), 2);
    await until(() => register.nodes.length === 2);
  });

  it('finds the nodes by the addresses of a name', async () => {
    const port = await freePort();
    const one = await join({ port });
    const two = await join({ port: await freePort(), peers: hostPlaces(HOST, port) });
    await see([one, two], 2);
  });

  it('is down with one line when its own address leads to another node', async () => {
    const [port, own] = [await freePort(), await freePort()];
    await join({ port });
    const lines: string[] = [];
    const logger = { log: (level: string, text: string) => void lines.push(`${level} ${text}`) };
    const wrong = await join(
      { port: own, advertise: { host: HOST, port } },
      { logger, joinTimeoutMs: 500 },
    );
    expect(wrong.state).toBe('down');
    expect(lines.join('\n')).toContain('the own address leads to another node');
  });

  it('refuses options with which strangers could connect, or with which nobody finds the node', () => {
    expect(conflict(() => meshBus({ port: 7700, host: '10.0.0.1' }))).toContain('give keys, tls');
    expect(conflict(() => meshBus({ port: 7700, host: '10.0.0.1', keys: [KEY] }))).toBe('taken');
    expect(conflict(() => meshBus({ port: 7700, host: '::', keys: [KEY] }))).toContain('advertise');
    expect(conflict(() => meshBus({ port: 0 }))).toContain('give register');
    expect(conflict(() => meshBus({ port: 7700, keys: ['short'] }))).toContain('at least 16 bytes');
    const peers = [{ host: HOST, port: 0 }];
    expect(conflict(() => meshBus({ port: 7700, peers }))).toContain('the port 0');
    expect(conflict(() => meshBus({ port: 7700, prot: 1 } as never))).toContain(
      'did you mean port?',
    );
  });
});
