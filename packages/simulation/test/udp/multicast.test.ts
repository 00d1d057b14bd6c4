import { Buffer } from 'node:buffer';
import type { DatagramPlace, DatagramSettings, DatagramSocket } from '@headrace/core';
import { type SimulatedHost, Simulation } from '@headrace/simulation';
import { expect, it } from 'vitest';

const GROUP = '224.0.0.114';
const PORT = 7;

interface Member {
  readonly socket: DatagramSocket;
  readonly heard: string[];
}

/** A socket that writes down what it hears. */
function open(
  host: SimulatedHost,
  place: Partial<DatagramPlace>,
  settings: Partial<DatagramSettings> = {},
): Member {
  const all = { port: PORT, groups: [], ...place };
  const socket = host.datagramSocket(all, settings as DatagramSettings);
  const heard: string[] = [];
  const user = {
    arrived: (bytes: Buffer, from: string) => heard.push(`${bytes} from ${from}`),
    failed: (error: NodeJS.ErrnoException) => heard.push(`failed ${error.code}`),
    bound: () => {},
    closed: () => {},
  };
  socket.open(user as never);
  return { socket, heard };
}

const send = ({ socket }: Member, text: string, host = GROUP): void =>
  socket.send(Buffer.from(text), host, PORT, () => {});

/** Three hosts; each step is an event of its own, on the first one. */
async function run(
  names: readonly string[],
  steps: readonly ((hosts: readonly SimulatedHost[]) => void)[],
  prepare: (sim: Simulation) => void = () => {},
): Promise<Simulation> {
  const sim = new Simulation({ seed: 1 });
  const hosts = names.map((name) => sim.host(name, () => {}));
  prepare(sim);
  for (const [i, step] of steps.entries()) sim.at(10 * (i + 1), () => step(hosts));
  await sim.run({ untilMs: 10 * (steps.length + 2) });
  return sim;
}

it('what is sent to a group reaches those that have joined it, on the own host, too', async () => {
  const members: Member[] = [];
  await run(
    ['a', 'b', 'c'],
    [
      ([a, b, c]) => {
        const groups = [{ group: GROUP }];
        members.push(open(a!, { groups }), open(b!, { groups }), open(c!, {}));
      },
      () => send(members[0]!, 'all'),
    ],
  );
  expect(members.map(({ heard }) => heard)).toEqual([
    ['all from 10.0.0.1'],
    ['all from 10.0.0.1'],
    [],
  ]);
});

it('a group is joined and left while the socket is open, for all senders or for one', async () => {
  let hears!: Member;
  let one!: Member;
  let other!: Member;
  await run(
    ['a', 'b', 'c'],
    [
      ([a, b, c]) => {
        hears = open(a!, {});
        one = open(b!, {}, { multicastLoopback: false });
        other = open(c!, {});
      },
      () => hears.socket.join({ group: GROUP, source: 'c' }),
      () => [one, other].map((from, i) => send(from, `1${i}`)),
      () => hears.socket.leave({ group: GROUP, source: 'c' }),
      () => [one, other].map((from, i) => send(from, `2${i}`)),
      () => hears.socket.join({ group: GROUP }),
      () => [one, other].map((from, i) => send(from, `3${i}`)),
      () => expect(() => hears.socket.join({ group: GROUP })).toThrow('EADDRINUSE'),
      () => hears.socket.leave({ group: GROUP }),
      () => expect(() => hears.socket.leave({ group: GROUP })).toThrow('EADDRNOTAVAIL'),
    ],
  );
  expect(hears.heard.sort()).toEqual(['11 from 10.0.0.3', '30 from 10.0.0.2', '31 from 10.0.0.3']);
});

it('without loopback the members of the own host hear nothing', async () => {
  let own!: Member;
  await run(
    ['a'],
    [
      ([a]) => {
        own = open(a!, { groups: [{ group: GROUP }] }, { multicastLoopback: false });
      },
      () => send(own, 'all'),
    ],
  );
  expect(own.heard).toEqual([]);
});

it('sockets that share a port hear a group all of them, and what is sent to the host one of them', async () => {
  const members: Member[] = [];
  let alone!: Member;
  await run(
    ['a', 'b'],
    [
      ([a]) => {
        const groups = [{ group: GROUP }];
        for (let i = 0; i < 2; i++) members.push(open(a!, { groups }, { reuseAddr: true }));
        alone = open(a!, {});
      },
      ([, b]) => send(open(b!, {}), 'all'),
      ([, b]) => send(open(b!, { port: 9 }), 'one', 'a'),
      () => members[1]!.socket.close(),
      ([, b]) => send(open(b!, { port: 10 }), 'left', 'a'),
    ],
  );
  expect(alone.heard).toEqual(['failed EADDRINUSE']);
  expect(members.map(({ heard }) => heard)).toEqual([
    ['all from 10.0.0.2', 'left from 10.0.0.2'],
    ['all from 10.0.0.2', 'one from 10.0.0.2'],
  ]);
});

it('each host with members has a way of its own, which may lose it', async () => {
  const members: Member[] = [];
  const sim = await run(
    ['a', 'b', 'c'],
    [
      (hosts) => {
        for (const host of hosts) members.push(open(host, { groups: [{ group: GROUP }] }));
      },
      () => send(members[0]!, 'all'),
    ],
    (all) => all.link('a', 'b').datagrams({ loss: 1 }),
  );
  expect(members.map(({ heard }) => heard.length)).toEqual([1, 0, 1]);
  expect(sim.trace.entries.filter(({ kind }) => kind === 'lost').length).toBe(1);
});

it('a socket has all addresses of its host, in whatever spelling they are asked for', async () => {
  const opened: Member[] = [];
  const hosts = ['0.0.0.0', '::', '[::]', '0:0:0:0:0:0:0:0', '10.9.9.9'];
  await run(
    ['a'],
    hosts.map(
      (host, at) =>
        ([a]) =>
          opened.push(open(a!, { host, port: PORT + at })),
    ),
  );
  expect(opened.map(({ heard }) => heard)).toEqual([[], [], [], [], ['failed EADDRNOTAVAIL']]);
});
