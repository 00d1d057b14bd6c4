import { jsonLines, lengthPrefixed, StringCodec, textLines, varintPrefixed } from '@headrace/codec';
import { type Channel, type Context, type Handler, ServerBootstrap } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import { CHAOS, type ChaosScenario, expectNone, QUIET_AT_MS } from './chaos-scenario.ts';
import { Ledger } from './ledger.ts';
import { stayConnected, whileOpen } from './stay-connected.ts';

const CODECS: readonly (() => Handler[])[] = [
  () => textLines({ maxLength: 100_000 }),
  () => [...lengthPrefixed({ maxFrameLength: 100_000 }), new StringCodec()],
  () => [...varintPrefixed({ maxFrameLength: 100_000 }), new StringCodec()],
  () => jsonLines({ maxLength: 200_000 }),
];

/** Texts of every length, most of them short. */
function textOf(host: SimulatedHost, number: number): string {
  const size = host.random() < 0.03 ? 8000 : host.random() < 0.2 ? 0 : 60;
  return `${number} ${'äb"c'.repeat(Math.floor(host.random() * size))}`;
}

/** Several in one segment; nothing more near the end. */
function sendSome(host: SimulatedHost, channel: Channel, connection: string, ledger: Ledger): void {
  if (host.clock.now() > QUIET_AT_MS - 5000) return;
  for (let left = Math.floor(host.random() * 4); left >= 0; left--) {
    const text = textOf(host, ledger.countOf(connection).sent + 1);
    ledger.sent(connection, text);
    channel.write(text);
  }
  channel.flush();
}

async function echoed(sim: Simulation): Promise<void> {
  const ledger = new Ledger();
  const codec = CODECS[sim.seed % CODECS.length]!;
  const open = new Map<string, string>();
  sim.host('server', (host) =>
    new ServerBootstrap()
      .childOptions(host.options)
      .childHandler((channel) => void channel.pipeline.addLast(...codec(), new EchoHandler()))
      .bind({ network: host, port: 7 }),
  );
  for (const name of ['ann', 'bob']) {
    sim.host(name, (host) =>
      stayConnected(host, (connection) => ({
        handlers: [
          ...codec(),
          { channelRead: (_ctx: Context, text: string) => ledger.heard(connection, text) },
        ],
        connected: (channel) => {
          open.set(name, connection);
          channel.onClosed(() => open.delete(name));
          whileOpen(host, channel, 1000, () => sendSome(host, channel, connection, ledger));
        },
      })),
    );
  }
  sim.link(['ann', 'bob'], 'server').latency({ minMs: 1, maxMs: 80, shape: 'long-tail' });
  sim.chaos(CHAOS);
  await sim.run({ untilMs: QUIET_AT_MS });
  for (const name of ['ann', 'bob']) {
    const connection = open.get(name);
    if (connection === undefined) ledger.faults.push(`${name} is not connected`);
    else ledger.expectAll(connection);
  }
  expectNone(ledger.faults);
  if (ledger.total < 20) throw new Error(`only ${ledger.total} messages came back`);
}

export const codecScenario: ChaosScenario = {
  claim: 'frames are whole and in order, however their bytes are cut',
  scenario: echoed,
  simulation: { cutShare: 0.6 },
};
