import { lengthPrefixed, StringCodec } from '@headrace/codec';
import { type Channel, type Context, type Handler, ServerBootstrap } from '@headrace/core';
import { EchoHandler, FlowControlHandler, ReadWhenWritable } from '@headrace/handlers';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import { CHAOS, type ChaosScenario, expectNone, QUIET_AT_MS } from './chaos-scenario.ts';
import { Ledger } from './ledger.ts';
import { stayConnected, whileOpen } from './stay-connected.ts';

const NAMES = ['ann', 'bob'];
const HIGH_BYTES = 8192;
const MESSAGE_BYTES = 1500;
const LAST_MESSAGE_MS = QUIET_AT_MS - 15_000;
const codec = (): Handler[] => [...lengthPrefixed({ maxFrameLength: 4096 }), new StringCodec()];

/** Takes one message at a time, asks for the next after a pause, and echoes. */
class OneAtATime implements Handler {
  private readonly host: SimulatedHost;
  private readonly report: (fault: string) => void;
  private asked = 0;

  constructor(host: SimulatedHost, report: (fault: string) => void) {
    this.host = host;
    this.report = report;
  }

  channelActive(ctx: Context): void {
    this.ask(ctx);
    ctx.fireChannelActive();
  }

  channelRead(ctx: Context, message: string): void {
    this.asked -= 1;
    if (this.asked < 0) {
      // An error and the end give out what is queued.
      queueMicrotask(() => {
        if (ctx.channel.isOpen) this.report('a message came that nobody asked for');
      });
    }
    ctx.writeAndFlush(message);
    const { random, clock } = this.host;
    if (random() < 0.7) this.ask(ctx);
    else clock.schedule(() => ctx.channel.isOpen && this.ask(ctx), random() * 200);
  }

  private ask(ctx: Context): void {
    this.asked += 1;
    ctx.read();
  }
}

async function flow(sim: Simulation, isOneAtATime: boolean): Promise<void> {
  const ledger = new Ledger();
  const report = (fault: string) => void ledger.faults.push(fault);
  const open = new Map<string, string>();
  let channels = new Set<Channel>();
  const server = sim.host('server', (host) => {
    channels = new Set();
    const own = channels;
    return new ServerBootstrap()
      .childOptions({
        ...host.options,
        autoRead: !isOneAtATime,
        writeBufferLowBytes: HIGH_BYTES / 2,
        writeBufferHighBytes: HIGH_BYTES,
      })
      .childHandler((channel) => {
        own.add(channel);
        const last = isOneAtATime
          ? [new FlowControlHandler(), new OneAtATime(host, report)]
          : [new ReadWhenWritable(), new EchoHandler()];
        channel.pipeline.addLast(...codec(), ...last);
      })
      .bind({ network: host, port: 7 });
  });
  for (const name of NAMES) {
    sim.host(name, (host) =>
      stayConnected(
        host,
        (connection) => ({
          handlers: [
            ...codec(),
            { channelRead: (_ctx: Context, text: string) => ledger.heard(connection, text) },
          ],
          connected: (channel) => {
            open.set(name, connection);
            channel.onClosed(() => open.delete(name));
            whileOpen(host, channel, 1000, () => speak(host, channel, connection, ledger));
          },
        }),
        // A client that reads slowly makes itself wait, and is nobody's slow consumer.
        { channel: { outboundStallMs: false } },
      ),
    );
  }
  sim.link(NAMES, 'server').latency({ minMs: 1, maxMs: 20 }).buffer(3000);
  sim.chaos(CHAOS);
  const look = () => {
    if (!server.isRunning) return;
    for (const { isActive, pendingOutboundBytes: held } of channels) {
      if (isActive && !isOneAtATime && held > HIGH_BYTES + 2 * MESSAGE_BYTES) {
        report(`${held} bytes of output wait, although the input should have stopped`);
      }
    }
  };
  for (let atMs = 100; atMs < QUIET_AT_MS; atMs += 250) sim.at(atMs, look);
  await sim.run({ untilMs: QUIET_AT_MS });
  for (const name of NAMES) {
    const connection = open.get(name);
    if (connection !== undefined) ledger.expectAll(connection);
    else report(`${name} is not connected`);
  }
  expectNone(ledger.faults);
  if (ledger.total < 20) throw new Error(`only ${ledger.total} messages came back`);
}

/** Some messages at once, as long as they can be taken; and sometimes reads nothing for a while. */
function speak(host: SimulatedHost, channel: Channel, connection: string, ledger: Ledger): void {
  if (host.clock.now() > LAST_MESSAGE_MS) return;
  for (let left = 10; left > 0 && channel.isWritable; left--) {
    const text = `${ledger.countOf(connection).sent + 1} ${'.'.repeat(host.random() * MESSAGE_BYTES)}`;
    ledger.sent(connection, text);
    channel.write(text);
  }
  channel.flush();
  if (host.random() > 0.3) return;
  channel.autoRead = false;
  host.clock.schedule(() => {
    channel.autoRead = true;
  }, host.random() * 4000);
}

export const flowScenarios: readonly ChaosScenario[] = [
  {
    claim: 'ReadWhenWritable bounds what waits for a slow reader, and loses nothing',
    scenario: (sim: Simulation) => flow(sim, false),
  },
  {
    claim: 'FlowControlHandler gives each message when it is asked for, and loses nothing',
    scenario: (sim: Simulation) => flow(sim, true),
  },
];
