import {
  type Channel,
  connectChannel,
  MemoryTransport,
  silentLogger,
  type Transport,
  type TransportSink,
} from '@headrace/core';
import { describeTransport } from '@headrace/core/testing';
import { YamuxHandler } from '@headrace/yamux';
import { afterEach, describe, expect, it } from 'vitest';

/** Gives the transports of the peer's substreams away. */
class Catcher extends YamuxHandler {
  readonly accepted: Promise<Transport>;
  private caught!: (transport: Transport) => void;

  constructor() {
    super({ role: 'server', childHandler: () => {} });
    this.accepted = new Promise((resolve) => {
      this.caught = resolve;
    });
  }

  protected override accept(transport: Transport): void {
    this.caught(transport);
  }
}

const parents: Channel[] = [];
afterEach(() => {
  for (const parent of parents.splice(0)) parent.close();
});

async function pair() {
  const client = new YamuxHandler({ role: 'client' });
  const server = new Catcher();
  const [near, far] = MemoryTransport.pair();
  for (const [transport, handler] of [
    [near, client],
    [far, server],
  ] as const) {
    const initialize = (channel: Channel) => void channel.pipeline.addLast(handler);
    parents.push(await connectChannel(transport, { initialize, logger: silentLogger }));
  }
  return { client, server };
}

describeTransport(
  { describe, it, expect },
  {
    name: 'substreams of yamux',
    pair: async () => {
      const { client, server } = await pair();
      const near = client.transport();
      // Its channel takes the place of this one.
      near.open({ isReadHeld: false, connected: () => {} } as unknown as TransportSink);
      return [near, await server.accepted];
    },
    resets: true,
  },
);
