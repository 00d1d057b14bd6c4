import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import {
  SocketIoEvent,
  SocketIoNamespace,
  type SocketIoNamespaceOptions,
  type SocketIoSocket,
} from '../../src/index.ts';
import { ReturningClient } from '../fixture/returning-client.ts';

type Options = SocketIoNamespaceOptions<never, never>;

/** A namespace with recovery, and what happened to its clients. */
function world(options: Partial<Options> = {}, recovery: Options['recovery'] = {}) {
  const clock = new VirtualClock();
  const sockets: SocketIoSocket[] = [];
  const heard: string[] = [];
  const namespace = new SocketIoNamespace('/', {
    connection: (socket) => {
      sockets.push(socket);
      heard.push(`in ${socket.recovered}`);
    },
    disconnected: (_socket, reason) => void heard.push(reason),
    recovery,
    ...(options as object),
  });
  const client = () => new ReturningClient(namespace, clock);
  const emit = (...names: string[]) => {
    clock.run(() => {
      for (const name of names) namespace.emit(name);
    });
  };
  return { clock, sockets, heard, namespace, client, emit };
}

describe('a client that comes again', () => {
  it('has its id, its rooms and its data, and gets what it missed before new events', () => {
    const { clock, sockets, heard, namespace, client, emit } = world();
    const one = client();
    const first = sockets[0]!;
    first.join('a', 'b');
    first.leave('b');
    first.data['name'] = 'Ann';
    emit('before');
    one.reads().loses();
    clock.run(() => {
      namespace.to('a').emit('room');
      namespace.to('b').emit('other room');
      namespace.to(one.id).emit('own');
      namespace.except('a').emit('not for it');
      namespace.volatile.emit('volatile');
    });
    one.connect();
    emit('after');
    one.reads();
    const second = sockets[1]!;
    expect(one.events).toEqual(['before', 'room', 'own', 'after']);
    expect([one.recovered, second.id, second.rooms, second.data]).toEqual([
      true,
      first.id,
      ['a'],
      { name: 'Ann' },
    ]);
    expect(heard).toEqual(['in false', 'transport close', 'in true']);
    expect(namespace.find(first.id)).toBe(second);
  });

  it('gets each event once wherever its connection ends, also twice in a row', () => {
    for (let cut = 0; cut <= 6; cut++) {
      for (let again = 0; again <= 6; again++) {
        const { client, emit } = world();
        const one = client();
        emit('1', '2', '3', '4', '5');
        one.reads(cut).loses();
        emit('6');
        one.connection.settle();
        one.connect().reads(again).loses();
        emit('7');
        one.connect();
        expect(one.events).toEqual(['1', '2', '3', '4', '5', '6', '7']);
        expect(one.recovered).toBe(true);
      }
    }
  });

  it('has what was sent before a ping that it has answered, and what was sent again does not count', () => {
    const { clock, client, emit } = world();
    const one = client();
    emit('1');
    one.connection.settle();
    one.begins().loses();
    const other = client();
    // The first client answers nothing, however old the event is, and the other one answers its ping.
    emit('2');
    clock.advance(100_000);
    clock.run(() => other.connection.socket.says('3'));
    emit('3');
    other.connection.socket.sent.length = 0;
    one.connect();
    other.loses().connect();
    expect([one.recovered, one.events]).toEqual([true, ['1', '2', '3']]);
    expect([other.recovered, other.events]).toEqual([true, ['3']]);
  });

  it('has nothing that its connection has not taken before a ping', () => {
    const { clock, client, emit } = world();
    const one = client();
    clock.advance(99_990);
    one.connection.socket.isBlocked = true;
    emit('1', '2');
    clock.advance(10);
    clock.run(() => one.connection.socket.says('3'));
    one.loses().connect();
    expect([one.recovered, one.events]).toEqual([true, ['1', '2']]);
  });

  it('is recovered without an offset if it got no event', () => {
    const { client, emit } = world();
    const one = client().loses();
    emit('1');
    one.connect();
    expect([one.recovered, one.events]).toEqual([true, ['1']]);
  });

  it('gets only the events of its new session if its offset is older', () => {
    const { clock, client, emit } = world({}, { maxDisconnectionMs: 1000 });
    const other = client();
    const one = client();
    emit('1');
    one.reads().loses();
    emit('2');
    clock.advance(1001);
    one.connect();
    expect(one.recovered).toBe(false);
    one.loses();
    emit('3');
    one.connect();
    expect([one.recovered, one.events]).toEqual([true, ['1', '3']]);
    expect(other.reads().events).toEqual(['1', '2', '3']);
  });

  it('takes no text at the end of an event that is not kept for an offset', () => {
    const { clock, sockets, namespace, client, emit } = world();
    const one = client();
    emit('1');
    clock.run(() => {
      namespace.volatile.emit('typing', 'Ann');
      sockets[0]!.channel.writeAndFlush(new SocketIoEvent('of a handler'));
    });
    one.reads().loses();
    emit('2');
    one.connect();
    expect(one.events).toEqual(['1', 'typing Ann', 'of a handler', '2']);
  });

  it('gets events for it alone in the order of all events', () => {
    const { clock, sockets, namespace, client } = world();
    const one = client();
    clock.run(() => {
      sockets[0]!.emit('1');
      namespace.emit('2');
      sockets[0]!.emit('3');
    });
    one.reads(2).loses();
    clock.run(() => void sockets[0]!.emit('too late'));
    one.connect();
    expect(one.events).toEqual(['1', '2', '3']);
  });

  it('gets no events of a room from before it joined, and those from before it left', () => {
    const { clock, sockets, namespace, client } = world();
    const one = client();
    const [socket] = sockets;
    clock.run(() => {
      namespace.to('a').emit('before the join');
      socket!.join('a');
      namespace.to('a').emit('within');
      socket!.leave('a');
      namespace.to('a').emit('after the leave');
      namespace.except('a').emit('not in the room');
    });
    one.loses().connect();
    expect(one.events).toEqual(['within', 'not in the room']);
  });

  it('gets attachments as they were sent', () => {
    const { clock, namespace, client } = world();
    const one = client();
    const bytes = Buffer.of(1);
    clock.run(() => namespace.emit('x', bytes));
    one.loses();
    bytes[0] = 2;
    one.connect();
    expect(one.packets.at(-1)).toBe('bytes 1');
  });

  it('takes the place of a connection whose end was not noticed', async () => {
    const { clock, heard, client, emit } = world();
    const one = client();
    emit('1');
    const before = one.connection;
    before.socket.sent.length = 0;
    one.connect();
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    clock.advance(0);
    one.reads();
    expect(heard).toEqual(['in false', 'forced server close', 'in true']);
    expect([one.recovered, before.isOpen, one.events]).toEqual([true, false, ['1']]);
  });

  it('is not recovered with a key that another connection uses, even before its channel opens', () => {
    const { namespace, client } = world();
    const one = client().loses();
    const { channel } = one.connection;
    const recovery = namespace.recovery!;
    const given = { pid: one.pid };
    const [first, second] = [given, given].map((same) => recovery.take(same, channel, 1000));
    expect([first!.isRecovered, second!.isRecovered]).toEqual([true, false]);
    expect(second!.key).not.toBe(first!.key);
  });

  it('may lose its connection again before its channel opens', () => {
    const { clock, namespace, client, emit } = world();
    const one = client().loses();
    emit('1');
    const { pid } = one;
    const cut = new ReturningClient(namespace, clock);
    const { connection } = cut;
    clock.run(() => {
      connection.socket.says('41', `40${JSON.stringify({ pid })}`);
      connection.session.wireLost(connection.socket, 'transport close');
    });
    connection.settle();
    one.connect();
    expect([one.recovered, one.pid, one.events]).toEqual([true, pid, ['1']]);
  });
});

describe('a new session', () => {
  it.each([
    ['the client has left', (one: ReturningClient) => one.connection.says('1')],
    ['the client has sent what is not allowed', (one: ReturningClient) => one.connection.says('9')],
  ])('begins when %s', (_name, end) => {
    const { client } = world();
    const one = client();
    end(one);
    one.connect();
    expect([one.recovered, one.pid]).toEqual([false, expect.any(String)]);
  });

  it('begins when the program has ended the old one', () => {
    const { clock, sockets, client } = world();
    const one = client();
    clock.run(() => sockets[0]!.disconnect());
    one.reads().connect();
    expect(one.recovered).toBe(false);
  });

  it('begins when the time is over, and nothing is kept', () => {
    const { clock, namespace, client, emit } = world({}, { maxDisconnectionMs: 1000 });
    const one = client().loses();
    emit('1');
    clock.advance(1000);
    one.connect();
    expect([one.recovered, one.events, namespace.recovery?.held]).toEqual([
      false,
      [],
      { sessions: 1, events: 0, bytes: 0 },
    ]);
  });

  it('begins for the clients that left first when too many are away', () => {
    const { client } = world({}, { maxSessions: 2 });
    const all = [client(), client(), client()].map((one) => one.loses());
    expect(all.map((one) => one.connect().recovered)).toEqual([false, true, true]);
  });

  it.each([
    ['the events of all clients', { maxBytes: 1000 }],
    ['those that it missed', { maxMissedBytes: 30 }],
  ])('begins when the limit of %s is reached, and a line of the log says so', (_name, limits) => {
    const { client, emit } = world({}, limits);
    const one = client().loses();
    emit('1', '2', '3', '4');
    one.connect();
    expect([one.recovered, one.events]).toEqual([false, []]);
    expect(one.connection.log).toEqual([
      expect.stringMatching(/^warn .*begins again in \/: .*maxMissedBytes is .*maxBytes is/),
    ]);
  });

  it('does not begin for a client that has got the events that are not kept', () => {
    const { client, emit } = world({}, { maxBytes: 1000 });
    const one = client();
    emit('1', '2', '3', '4');
    one.reads().loses();
    emit('5');
    expect(one.connect().recovered).toBe(true);
    expect(one.events).toEqual(['1', '2', '3', '4', '5']);
  });

  it('begins for a client that has left more rooms than are remembered, with events that it missed', () => {
    for (const rooms of [256, 257]) {
      const { clock, sockets, namespace, client } = world();
      const one = client();
      clock.run(() => {
        for (let room = 0; room < rooms; room++) {
          sockets[0]!.join(`${room}`);
          namespace.to(`${room}`).emit(`${room}`);
          sockets[0]!.leave(`${room}`);
        }
      });
      one.reads(0).loses();
      one.connect();
      expect([one.recovered, one.events.length]).toEqual(rooms === 256 ? [true, 256] : [false, 0]);
    }
  });

  it('does not begin because old events of others are not kept', () => {
    const { clock, namespace, client, emit } = world({}, { maxDisconnectionMs: 1000 });
    const one = client();
    emit('1');
    one.reads();
    clock.run(() => namespace.to('others').emit('2'));
    clock.advance(100_000);
    clock.run(() => one.connection.socket.says('3'));
    clock.run(() => namespace.to('others').emit('3'));
    one.loses();
    expect(namespace.recovery?.held.events).toBe(1);
    expect(one.connect().recovered).toBe(true);
  });

  it('begins when authorize refuses the client, which stays known until then', () => {
    let isAllowed = true;
    const { client } = world({ authorize: () => isAllowed });
    const one = client();
    return (async () => {
      await Promise.resolve();
      one.reads();
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      one.reads().loses();
      isAllowed = false;
      one.connect();
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      expect(one.reads().refusal).toBe('not authorized');
      isAllowed = true;
      one.connect();
      for (let turn = 0; turn < 5; turn++) await Promise.resolve();
      expect(one.reads().recovered).toBe(true);
    })();
  });
});

it('shows authorize what the application sent, without the key and the offset', () => {
  const seen: unknown[] = [];
  const { client } = world({
    authorize: ({ auth }) => {
      seen.push(auth);
      return true;
    },
  });
  const one = client();
  one.pid = 'x';
  one.offset = 'y';
  one.connect({ token: 'secret' });
  expect(seen).toEqual([{}, { token: 'secret' }]);
});

it('keeps nothing without clients', () => {
  const { client, emit, namespace } = world();
  emit('1');
  client().connection.says('1');
  emit('2');
  expect(namespace.recovery?.held).toEqual({ sessions: 0, events: 0, bytes: 0 });
});
