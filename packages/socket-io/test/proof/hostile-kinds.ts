// What hostile clients do, one kind after the other, and what a server says and keeps meanwhile.
import { Buffer } from 'node:buffer';
import {
  frameOf,
  type Peer,
  type Peers,
  type PollingPeer,
  type WebSocketPeer,
} from './raw-peer.ts';

const KB = 1000;
const MB = 1000 * KB;
const PACKET_BYTES = 16 * 1024 * 1024;
/** What a channel keeps for a client that reads nothing (`maxOutboundBytes`), with the 64 KiB of a session that polls. */
const OUTPUT_BYTES = 1024 * 1024 + 64 * 1024;
/** A connection, its session and a namespace: three channels with their handlers. */
const CLIENT_BYTES = 16 * KB;

export type Transport = 'polling' | 'websocket';
export const BOTH: readonly Transport[] = ['polling', 'websocket'];

export interface Kind {
  readonly name: string;
  readonly on?: readonly Transport[];
  /** Attacks, and stays connected. Resolves with the number of clients that may be open. */
  attack(peers: Peers, transport: Transport): Promise<number>;
  /** What the limits of the server count for the attack, without its clients. @default 0 */
  readonly counted?: number;
  /** A line of the log; `undefined` for what the protocol allows at any rate. */
  readonly line?: RegExp;
  /** Processor time of the longest turn, in milliseconds. @default 400 */
  readonly turnMs?: number;
  /** Whether the line is logged once by a server, so that an earlier kind can have caused it. */
  readonly once?: boolean;
}

const times = (count: number, packet: (at: number) => string): string[] =>
  Array.from({ length: count }, (_, at) => packet(at));

/** One client sends packets. */
const sends =
  (packets: () => readonly (string | Buffer)[], isReading = true): Kind['attack'] =>
  async (peers, transport) => {
    const peer = await peers.open(transport, isReading);
    await peer.send(packets());
    return 1;
  };

/** Many clients send packets, each for itself. */
const manySend =
  (clients: number, packets: (at: number) => readonly (string | Buffer)[]): Kind['attack'] =>
  async (peers, transport) => {
    for (const [at, peer] of (await peers.many(clients, transport)).entries()) {
      await peer.send(packets(at));
    }
    return clients;
  };

const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
/** What a packet with it counts, which is in work. */
const DEEP_BYTES = 100_000 * (2 + 64);
const forged = [1, null, {}, [], '__proto__', '.'.repeat(200 * KB), 'x'.repeat(200 * KB), 1e308];

const FLOODS: readonly Kind[] = [
  { name: 'small events', attack: sends(() => times(100_000, () => '42["say",1]')) },
  {
    name: 'small events at a limited rate',
    attack: sends(() => ['40/guarded,', ...times(20_000, () => '42/guarded,["say",1]')]),
    once: true,
    line: /MessageRateHandler ends a connection/,
  },
  {
    name: 'events whose answers nobody reads',
    attack: sends(() => times(30_000, () => `42["echo","${'x'.repeat(KB)}"]`), false),
    counted: OUTPUT_BYTES + MB,
    line: /the client does not read/,
  },
  { name: 'pongs', attack: sends(() => times(200_000, () => '3')) },
  {
    name: 'pings',
    attack: sends(() => times(200_000, () => '2')),
    line: /not a packet of Engine\.IO 4/,
  },
  {
    name: 'connects and disconnects',
    attack: sends(() => times(50_000, (at) => (at % 2 === 0 ? '41' : '40'))),
  },
  {
    name: 'connects and disconnects whose answers nobody reads',
    attack: sends(() => times(400_000, (at) => (at % 2 === 0 ? '41' : '40')), false),
    counted: OUTPUT_BYTES + MB,
    line: /the client does not read/,
  },
  {
    name: 'connects and disconnects before a decision',
    attack: sends(() => times(50_000, (at) => (at % 2 === 0 ? '40/undecided,' : '41/undecided,'))),
    counted: MB,
  },
  {
    name: '10,000 unknown namespaces',
    attack: sends(() => times(10_000, (at) => `40/unknown-${at},`)),
    line: /is refused in ".*": Invalid namespace/,
  },
  {
    name: '10,000 namespaces that are made by their names',
    attack: sends(() => times(10_000, (at) => `40/made-${at},`)),
    counted: 64 * CLIENT_BYTES,
    line: /more than 64 namespaces on one connection/,
  },
  {
    name: '10,000 namespaces with long names that are left again',
    attack: sends(() =>
      times(10_000, (at) => {
        const name = `/made-${Math.floor(at / 2)}-${'x'.repeat(900)}`;
        return at % 2 === 0 ? `40${name},` : `41${name},`;
      }),
    ),
    counted: 64 * KB,
  },
];

const ATTACHMENTS: readonly Kind[] = [
  {
    name: 'attachments that were announced and never come',
    attack: manySend(20, () => [
      '4510-["say",{"_placeholder":true,"num":0}]',
      ...Array.from({ length: 9 }, () => Buffer.alloc(100 * KB)),
    ]),
    counted: 20 * 9 * 100 * KB,
    line: /the attachments of an event were not complete/,
  },
  {
    name: 'too many attachments',
    attack: manySend(20, () => ['4511-["say",{"_placeholder":true,"num":0}]']),
    line: /more than 10 attachments/,
  },
  {
    name: 'a huge number of attachments',
    attack: manySend(20, () => ['45999999999-["say",{"_placeholder":true,"num":0}]']),
    line: /more than 10 attachments/,
  },
  {
    name: 'attachments that nothing announced',
    attack: manySend(20, () => times(1000, () => '').map(() => Buffer.of(1))),
    line: /an attachment of 1 bytes that no packet announced/,
  },
  {
    name: 'events with attachments for a namespace that does not read',
    attack: manySend(5, () => [
      '42["hold"]',
      ...Array.from({ length: 300 }, (_, at) =>
        at % 3 === 0
          ? '452-["say",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
          : Buffer.alloc(at % 3 === 1 ? 8 * KB : 1),
      ),
    ]),
    counted: 5 * (64 * 1024 + MB),
  },
];

const JSONS: readonly Kind[] = [
  {
    name: 'deep JSON',
    attack: manySend(5, () => [`42["say",${deep}]`]),
    counted: 5 * DEEP_BYTES,
  },
  {
    name: 'deep JSON that is sent back',
    attack: manySend(5, () => times(3, () => `42["echo",${deep}]`)),
    counted: 5 * DEEP_BYTES,
    line: /JSON cannot express this event/,
  },
  {
    name: 'long JSON of small values',
    attack: manySend(10, () => [`42["say"${',[]'.repeat(300 * KB)}]`]),
    line: /more than maxPacketBytes/,
  },
  {
    name: '`auth` of small values',
    attack: async (peers, transport) => {
      for (let i = 0; i < 4; i++) {
        const peer = await peers.open(transport);
        await peer.send(['41', `40{"a":[[]${',[]'.repeat(100 * KB)}]}`]);
      }
      return 4;
    },
    counted: 4 * PACKET_BYTES,
  },
  {
    name: '`auth` of megabytes for many namespaces',
    attack: manySend(2, () => times(40, (at) => `40/made-${at},{"a":"${'x'.repeat(900 * KB)}"}`)),
    counted: 2 * PACKET_BYTES,
    line: /what was sent for the namespaces counts more than/,
  },
  { name: '`__proto__`', attack: manySend(5, () => ['42["say",{"__proto__":{"polluted":1}}]']) },
  {
    name: 'huge ids of events',
    attack: manySend(5, () => ['42999999999999999["ask"]', '429999999999999999["ask"]']),
    line: /not a packet of Socket\.IO 5: no JSON/,
  },
  { name: 'answers to nothing', attack: sends(() => times(100_000, (at) => `43${at}[1]`)) },
  {
    name: 'rooms with megabytes',
    attack: manySend(5, () => [`42["join","${'x'.repeat(900 * KB)}"]`]),
    counted: 5 * MB,
  },
  {
    name: 'forged keys and offsets of a recovery',
    attack: manySend(5, (at) =>
      forged.flatMap((value, index) => {
        const offset = forged[(index + at) % forged.length];
        return [`40/recovers,${JSON.stringify({ pid: value, offset })}`, '41/recovers,'];
      }),
    ),
    counted: 40 * KB,
  },
  {
    name: 'a megabyte of small events for a namespace that does not read',
    attack: manySend(10, () => ['42["hold"]', ...times(150_000, () => '42[0]')]),
    counted: 10 * MB,
  },
  {
    name: 'a megabyte of small attachments for a namespace that does not read',
    attack: manySend(10, () => [
      '42["hold"]',
      ...times(100, () => '42[0]'),
      ...Array.from({ length: 100_000 }, () => Buffer.of(1)),
    ]),
    counted: 10 * MB,
  },
];

const posting = (length: number, body: string) => async (peers: Peers, transport: Transport) => {
  for (let i = 0; i < 50; i++) {
    if (transport === 'websocket') {
      const { socket } = (await peers.open(transport)) as WebSocketPeer;
      socket.write(frameOf(`4${body}`, length));
    } else {
      const { posts, query } = (await peers.open(transport)) as PollingPeer;
      const head = `POST /socket.io/?EIO=4${query} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}`;
      posts.write(`${head}\r\n\r\n`, body);
    }
  }
  return 50;
};

/** Clients that are in the room and read nothing while another one sends to it. */
const crowd: Kind['attack'] = async (peers, transport) => {
  for (const peer of await peers.many(10, transport, false)) {
    await peer.send(['42["join","crowd"]']);
    if (transport === 'polling') {
      const { polls, query } = peer as PollingPeer;
      polls.socket.pause();
      polls.write(`GET /socket.io/?EIO=4${query} HTTP/1.1\r\nHost: a\r\n\r\n`);
    }
  }
  const loud = await peers.open(transport);
  for (let i = 0; i < 10; i++) await loud.send([`42["shout",${64 * 1024},16]`]);
  return 11;
};

const REQUESTS: readonly Kind[] = [
  {
    name: 'a message that never ends',
    attack: posting(900 * KB, 'x'.repeat(100 * KB)),
    counted: 50 * MB,
    line: /no complete request within|a message that began/,
  },
  {
    name: 'a message that is too long',
    attack: posting(2 * MB, 'x'.repeat(100 * KB)),
    line: /maxPayloadBytes|longer than allowed/,
  },
  {
    name: 'a message that is longer than it says',
    attack: posting(10, 'x'.repeat(100 * KB)),
    line: /not a valid HTTP request|not a packet of (Engine|Socket)\.IO|WebSocket/,
  },
  {
    name: 'a slow reader of a broadcast',
    attack: crowd,
    counted: 10 * OUTPUT_BYTES,
    line: /does not read/,
  },
  {
    name: 'two polls at once',
    on: ['polling'],
    attack: async (peers) => {
      for (const peer of (await peers.many(20, 'polling', false)) as PollingPeer[]) {
        // The first one is answered with the namespace.
        await peer.polls.request('GET', peer.query);
        const [one, two] = [peers.connection(), peers.connection()];
        await Promise.race([one.request('GET', peer.query), two.request('GET', peer.query)]);
      }
      return 20;
    },
    line: /a poll beside a poll/,
  },
  {
    name: 'two POSTs at once',
    on: ['polling'],
    attack: async (peers) => {
      for (const peer of (await peers.many(20, 'polling')) as PollingPeer[]) {
        const head = `POST /socket.io/?EIO=4${peer.query} HTTP/1.1\r\nHost: a\r\nContent-Length: 10`;
        const [one, two] = [peers.connection(), peers.connection()];
        for (const each of [one, two]) each.write(`${head}\r\n\r\n`, '4');
        await Promise.race([one.answer(), two.answer()]);
      }
      return 20;
    },
    line: /a POST beside a POST/,
  },
];

const SESSIONS: readonly Kind[] = [
  {
    name: '100,000 sessions that are left at once',
    on: ['polling'],
    attack: async (peers) => {
      const open = async (): Promise<void> => {
        const connection = peers.connection();
        for (let i = 0; i < 2000; i++) await connection.request('GET', '&transport=polling');
      };
      await Promise.all(Array.from({ length: 50 }, open));
      return 50;
    },
    counted: (16_384 * CLIENT_BYTES) / 4,
    // The collections of 16,384 sessions, and the end of all that have no pong.
    turnMs: 2000,
    once: true,
    line: /16384 sessions poll already \(maxPollingSessions\)/,
  },
  {
    name: '10,000 sessions that are left at once',
    on: ['websocket'],
    attack: async (peers) => {
      for (let i = 1; i <= 100; i++) {
        await Promise.all(times(100, () => '').map(() => peers.openWebSocket('')));
        // The limit of the server is 2000.
        if (i % 23 === 0) peers.end();
      }
      return 800;
    },
    once: true,
    line: /ConnectionLimitHandler|more than 2000|total/,
  },
  {
    name: 'upgrades that are begun and not finished',
    on: ['websocket'],
    attack: async (peers) => {
      for (const { sid } of await openPolling(peers, 100)) {
        await (await peers.openWebSocket(`&sid=${sid}`)).send(['2probe']);
      }
      return 100;
    },
    line: /the upgrade was not finished within 3000 ms/,
    once: true,
  },
  {
    name: 'probes whose answers nobody reads',
    on: ['websocket'],
    attack: async (peers) => {
      for (const { sid } of await openPolling(peers, 5)) {
        const socket = await peers.openWebSocket(`&sid=${sid}`);
        // The server reads on while it writes nothing.
        for (let i = 0; i < 20; i++) await socket.send(times(20_000, () => '2probe'));
      }
      return 5;
    },
    counted: 5 * 64 * KB,
  },
  {
    name: 'upgrades of upgraded sessions',
    on: ['websocket'],
    attack: async (peers) => {
      for (const { sid } of await openPolling(peers, 20)) {
        const socket = await peers.openWebSocket(`&sid=${sid}`);
        await socket.send(['2probe', '5']);
        for (let i = 0; i < 10; i++) await peers.openWebSocket(`&sid=${sid}`);
      }
      return 20;
    },
    line: /its session has upgraded/,
    once: true,
  },
  {
    name: 'requests for sessions that do not exist',
    on: BOTH,
    attack: async (peers, transport) => {
      for (let i = 0; i < 100; i++) {
        await peers.connection().request('GET', `&transport=${transport}&sid=x${i}`);
      }
      return 0;
    },
    once: true,
    line: /is refused: a request for \/socket\.io\//,
  },
];

async function openPolling(peers: Peers, count: number): Promise<Peer[]> {
  return await peers.many(count, 'polling', false);
}

export const KINDS: readonly Kind[] = [
  ...FLOODS,
  ...ATTACHMENTS,
  ...JSONS,
  ...REQUESTS,
  ...SESSIONS,
];
export { CLIENT_BYTES };
