import { lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type CloseInfo,
  MemoryNetwork,
  type Server,
  ServerBootstrap,
  type Transport,
} from '@headrace/core';
import { describeTransport } from '@headrace/core/testing';
import { ResumeHandler, ResumeTable } from '@headrace/lasting';
import { afterEach, describe, expect, it } from 'vitest';
import { LastingClient } from '../../src/client/lasting-client.ts';
import { systemRandom } from '../../src/protocol/resume-machine.ts';

const silent = { log(): void {} };
const framing = () => lengthPrefixed({ maxFrameLength: 1 << 20 });

/** Gives the transport away in place of putting a channel over it. */
class BareHandler extends ResumeHandler {
  private readonly opened: (transport: Transport) => void;

  constructor(table: ResumeTable, opened: (transport: Transport) => void) {
    super({ table, childHandler: () => {} });
    this.opened = opened;
  }

  protected override openChannel(session: { readonly transport: Transport }): void {
    this.opened(session.transport);
  }
}

let toClose: { close(): void }[] = [];

/** Two ends over a network in memory; with `cutEveryMs` their link dies again and again. */
async function pair(cutEveryMs: number | undefined): Promise<[Transport, Transport]> {
  const network = new MemoryNetwork();
  const table = new ResumeTable();
  let opened!: (transport: Transport) => void;
  const far = new Promise<Transport>((resolve) => {
    opened = resolve;
  });
  const server: Server = await new ServerBootstrap()
    .childOptions({ logger: silent })
    .childHandler((link) => {
      link.pipeline.addLast(...framing(), new BareHandler(table, opened));
    })
    .bind({ network, name: 'links' });
  const lasting = { windowMs: 60_000, creditBytes: 1 << 20, random: systemRandom };
  const client = new LastingClient(lasting, {
    bootstrap: new Bootstrap()
      .options({ logger: silent })
      .handler((link) => void link.pipeline.addLast(...framing())),
    addresses: [{ network, name: 'links' }],
    retry: () => 0,
    logger: silent,
  });
  client.begin();
  const ends: [Transport, Transport] = [client.transport, await far];
  let isEnding = false;
  if (cutEveryMs !== undefined) {
    endOverLink(client.transport, () => {
      isEnding = true;
    });
  }
  // Only a link that was there at the last look, too: where the machine is busy, none would ever do its work.
  let wasLinked = false;
  const look = (): void => {
    const { isLinked } = client.transport;
    if (isLinked && wasLinked && !isEnding) cut(client.links);
    wasLinked = isLinked && !wasLinked;
  };
  const timer = cutEveryMs === undefined ? undefined : setInterval(look, cutEveryMs);
  toClose.push({
    close: () => {
      clearInterval(timer);
      void server.close();
      table.close();
    },
  });
  return ends;
}

/**
 * A client says that it closes only while there is a link: without one the other end would hear of it after the window.
 */
function endOverLink(transport: Transport & { readonly isLinked: boolean }, begins: () => void) {
  for (const way of ['close', 'abort'] as const) {
    const end = transport[way].bind(transport);
    const endOnceLinked = (info: CloseInfo): void => {
      if (transport.isLinked) end(info);
      else setImmediate(endOnceLinked, info);
    };
    transport[way] = (info) => {
      begins();
      endOnceLinked(info);
    };
  }
}

function cut({ channel }: { readonly channel: Channel | undefined }): void {
  channel?.abort();
}

describe('a lasting channel as a transport', () => {
  afterEach(() => {
    for (const one of toClose) one.close();
    toClose = [];
  });

  describeTransport(
    { describe, it, expect },
    { name: 'lasting', pair: () => pair(undefined), resets: true, showsCuts: false },
  );
  describeTransport(
    { describe, it, expect },
    {
      name: 'lasting, while its links die',
      pair: () => pair(3),
      resets: true,
      showsCuts: false,
      // Nothing is expected of a peer without a link, so each new link begins the time again.
      noticesStalls: false,
    },
  );
});
