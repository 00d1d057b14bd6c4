// Vehicles that drive in circles and report where they are: every second one over TCP, the others over UDP.
import { ReconnectingClient } from '@headrace/client';
import { JsonCodec, jsonLines } from '@headrace/codec';
import { Bootstrap, type Logger, stderrLogger } from '@headrace/core';
import { toPeer } from '@headrace/datagram';

/** Time between two reports of a vehicle. */
const REPORT_MS = 1000;
/** Each tick is the turn of some vehicles, so that their datagrams do not come all at once. */
const TICK_MS = 10;

export interface VehiclesOptions {
  readonly count: number;
  readonly tcpPort: number;
  readonly udpPort: number;
  /** Gets a line when the vehicles over TCP are all connected, and when none of them is. */
  readonly say?: (line: string) => void;
  readonly logger?: Logger;
}

/** Starts the vehicles. Returns a function that stops them. */
export async function startVehicles(options: VehiclesOptions): Promise<() => Promise<void>> {
  const { count, tcpPort, udpPort, say = () => {}, logger = stderrLogger('error') } = options;
  const watch = connectionWatch(Math.ceil(count / 2), tcpPort, say);
  const vehicles = await Promise.all(
    Array.from({ length: count }, async (_, number) => {
      const isTram = number % 2 === 0;
      const link = await (isTram ? overTcp(tcpPort, watch, logger) : overUdp(udpPort, logger));
      return { id: `${isTram ? 'tram' : 'bike'} ${number}`, place: circle(number), link };
    }),
  );
  let next = 0;
  let due = 0;
  const timer = setInterval(() => {
    for (due += (count * TICK_MS) / REPORT_MS; due >= 1; due -= 1) {
      const { id, place, link } = vehicles[next]!;
      // A report that fails is not repeated: the next one has a newer place.
      link.writeAndFlush({ id, ...place(Date.now()) }).onSettled(() => {});
      next = (next + 1) % count;
    }
  }, TICK_MS);
  return async () => {
    clearInterval(timer);
    await Promise.all(vehicles.map(({ link }) => link.close()));
  };
}

/** A circle of its own for each vehicle. */
function circle(number: number): (now: number) => { x: number; y: number } {
  const part = (of: number): number => ((number * of) % 1000) / 1000;
  const [centerX, centerY] = [0.15 + 0.7 * part(618), 0.15 + 0.7 * part(414)];
  const radius = 0.02 + 0.12 * part(271);
  const turnMs = 20_000 + 40_000 * part(732);
  return (now) => {
    const angle = (2 * Math.PI * now) / turnMs + number;
    return { x: centerX + radius * Math.cos(angle), y: centerY + radius * Math.sin(angle) };
  };
}

type Watch = (client: ReconnectingClient) => void;

/** Watches the clients of one server. Many of them come and go together, so only "all" and "none" are worth a line. */
function connectionWatch(total: number, port: number, say: (line: string) => void): Watch {
  const online = new Set<ReconnectingClient>();
  let said: 'all' | 'none' | undefined;
  return (client) =>
    client.on('state', (state) => {
      if (state.name === 'online') online.add(client);
      else online.delete(client);
      if (said !== 'all' && online.size === total) {
        said = 'all';
        say(`all ${total} vehicles over TCP are connected`);
      } else if (said !== 'none' && online.size === 0 && state.name === 'waiting') {
        said = 'none';
        say(`no connection to TCP port ${port} (${state.loss.kind}): ${total} vehicles try again`);
      }
    });
}

function overTcp(port: number, watch: Watch, logger: Logger) {
  const client = new ReconnectingClient({
    bootstrap: new Bootstrap()
      .options({ logger })
      .handler(({ pipeline }) => pipeline.addLast(...jsonLines())),
    addresses: [{ host: '127.0.0.1', port }],
    offline: { policy: 'fail' },
    logger,
  });
  watch(client);
  void client.start();
  return client;
}

function overUdp(port: number, logger: Logger) {
  return new Bootstrap()
    .options({ logger })
    .handler(({ pipeline }) => pipeline.addLast(new JsonCodec()))
    .connect({ transport: toPeer({ host: '127.0.0.1', port }) });
}
