// The clients of a durable room, some of which write, for proofs about nodes that come and go.
import { httpAddresses } from '@headrace/client';
import { serveOrders, settings } from './orders.ts';
import { PacedLoad } from './paced-load.ts';
import { RoomClient } from './room-client.ts';

/** What the clients went through so far. */
export interface ClientsReport {
  readonly said: number;
  readonly online: number;
  readonly unacknowledged: number;
  /** Messages that did not come, of all clients together; those that came twice; and other signs of a fault. */
  readonly missed: number;
  readonly doubled: number;
  readonly unrecovered: number;
  /** Messages that were said again. */
  readonly repeated: number;
  /** Some of those that are not online. */
  readonly away: readonly string[];
  /** Clients that lost their connection since `watch`, and the longest pause of all others. */
  readonly lost: number;
  readonly pauseMs: number;
}

const { route, count, writers, perSecond } = settings<{
  route: string;
  count: number;
  writers: number;
  perSecond: number;
}>();
/** Connects under way at a time in the beginning, where nothing is measured. */
const AT_ONCE = 100;
const addresses = httpAddresses(route);
const clients = Array.from({ length: count }, (_, i) => new RoomClient(`c${i}`, addresses));
for (let begun = 0; begun < count; begun += AT_ONCE) {
  await Promise.all(clients.slice(begun, begun + AT_ONCE).map((client) => client.start()));
}
const load = new PacedLoad(perSecond, (number) => {
  // Evenly over the clients, and so over the nodes.
  const place = Math.floor(((number % writers) * count) / writers);
  clients[place]!.say(number);
});

function report(): ClientsReport {
  const said = load.written;
  let missed = 0;
  let doubled = 0;
  for (const client of clients) {
    doubled += client.doubled;
    for (let number = 1; number <= said; number += 1) {
      const times = client.counts[number]!;
      if (times === 0) missed += 1;
      else doubled += times - 1;
    }
  }
  const stayed = clients.filter(({ losses }) => losses === 0);
  return {
    said,
    missed,
    doubled,
    online: clients.filter(({ isOnline }) => isOnline).length,
    away: clients
      .filter(({ isOnline }) => !isOnline)
      .slice(0, 3)
      .map(({ story }) => story),
    unacknowledged: sum(({ unacknowledged }) => unacknowledged),
    repeated: sum(({ repeated }) => repeated),
    unrecovered: sum(({ unrecovered }) => unrecovered),
    lost: count - stayed.length,
    pauseMs: Math.max(0, ...stayed.map(({ pauseMs }) => pauseMs)),
  };
}

function sum(of: (client: RoomClient) => number): number {
  return clients.reduce((total, client) => total + of(client), 0);
}

serveOrders({
  startLoad: () => load.start(),
  stopLoad: () => load.stop(),
  watch: () => {
    for (const client of clients) client.watch();
  },
  report,
});
