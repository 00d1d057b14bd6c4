// Where the options of accepted connections go, and what becomes of connections that cannot be taken as handles.
import type { Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  type AcceptedListener,
  HandleAcceptor,
} from '../../../src/transport/node-handle/handle-acceptor.ts';
import type {
  NodeInternals,
  StreamHandle,
} from '../../../src/transport/node-handle/stream-handle.ts';
import { FakeBinding, FakeHandle } from '../../fixture/fake-binding.ts';

const binding = new FakeBinding();
const OPTIONS = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelayMs: 2500,
  keepAliveIntervalMs: 7900,
  keepAliveCount: 3,
};

/** Notes what is set on it. */
class Tcp extends FakeHandle {
  readonly set: string[] = [];
  status = 0;

  constructor() {
    super(binding);
  }

  setNoDelay(on: boolean): number {
    this.set.push(`noDelay ${on}`);
    return this.status;
  }

  setKeepAlive(...given: readonly [boolean, number, number, number]): number {
    this.set.push(`keepAlive ${given.join(' ')}`);
    return this.status;
  }
}

class ListeningTcp extends Tcp {
  readonly toNode: (StreamHandle | undefined)[] = [];
  onconnection = (_status: number, handle: StreamHandle | undefined): void => {
    this.toNode.push(handle);
  };
}

const internals = { tcp: { TCP: Tcp }, pipe: { Pipe: class {} } } as unknown as NodeInternals;
const SET = ['noDelay true', 'keepAlive true 2 7 3'];

function listen(
  handle: object,
  sharesListeners = false,
  options = OPTIONS,
): { refusal: string | undefined; events: string[] } {
  const events: string[] = [];
  const to: AcceptedListener = {
    adopt: (adopt) => {
      adopt();
      events.push('accepted');
    },
  };
  const givenUp = (why: string) => void events.push(`given up: ${why}`);
  const server = { _handle: handle } as unknown as Server;
  const acceptor = new HandleAcceptor(internals, binding, sharesListeners);
  return { refusal: acceptor.takeFrom(server, options, to, givenUp), events };
}

describe.runIf(process.platform === 'linux')('options', () => {
  it('are set once on the listening handle, whose connections inherit them', () => {
    const [listening, child] = [new ListeningTcp(), new Tcp()];
    listen(listening);
    listening.onconnection(0, child);
    expect([listening.set, child.set]).toEqual([SET, []]);
  });

  it('are set on each connection where the listening handle has not taken them', () => {
    const [listening, child] = [new ListeningTcp(), new Tcp()];
    listening.status = -92;
    listen(listening);
    listening.onconnection(0, child);
    expect(child.set).toEqual(SET);
  });

  it('are set on each connection where other processes listen on the same socket', () => {
    const [listening, child] = [new ListeningTcp(), new Tcp()];
    listen(listening, true);
    listening.onconnection(0, child);
    expect([listening.set, child.set]).toEqual([[], SET]);
  });

  it("count as taken although libuv complains of a keepalive with the system's own delay", () => {
    const [listening, child] = [new ListeningTcp(), new Tcp()];
    listening.status = -22;
    listen(listening, false, { ...OPTIONS, noDelay: false, keepAliveInitialDelayMs: 0 });
    listening.onconnection(0, child);
    expect([listening.set, child.set]).toEqual([['keepAlive true 0 7 3'], []]);
  });
});

describe('connections', () => {
  it('of a stand-in for a listening handle are left to Node', () => {
    expect(listen({ onconnection() {} }).refusal).toMatch(/primary of node:cluster/);
  });

  it('that came with an error, or are not known handles, are left to Node', () => {
    const listening = new ListeningTcp();
    const { events } = listen(listening);
    listening.onconnection(-24, undefined);
    listening.onconnection(0, new FakeHandle(binding));
    expect([events, listening.toNode.length]).toEqual([[], 2]);
  });

  it('come as sockets once Node has broken a promise, and the server is notified once', () => {
    const listening = new ListeningTcp();
    const { events } = listen(listening);
    listening.onconnection(0, new Tcp());
    binding.distrust('a read came within a write');
    listening.onconnection(0, new Tcp());
    listening.onconnection(0, new Tcp());
    expect(events).toEqual(['accepted', 'given up: a read came within a write']);
    expect(listening.toNode).toHaveLength(2);
  });
});
