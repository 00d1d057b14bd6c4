import { VirtualClock } from '@headrace/core/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SocketIoNamespace, type SocketIoSocket } from '../../src/index.ts';
import { ScriptedClient } from '../fixture/scripted-connection.ts';

afterEach(() => vi.restoreAllMocks());

/** Three clients of a namespace: `a` and `b` are in the room `one`, `b` and `c` in the room `two`. */
function three() {
  const sockets: SocketIoSocket[] = [];
  const clock = new VirtualClock();
  const namespace = new SocketIoNamespace('/', {
    connection: (socket) => void sockets.push(socket),
  });
  const clients = [0, 1, 2].map(() => new ScriptedClient([namespace], {}, clock).enters('/'));
  const [a, b, c] = sockets as [SocketIoSocket, SocketIoSocket, SocketIoSocket];
  a.join('one');
  b.join('one', 'two');
  c.join('two');
  /** The numbers of events that each client got. */
  const got = (emit: () => unknown) => {
    clock.run(emit);
    return clients.map((client) => client.got().length).join('');
  };
  return { namespace, clients, clock, a, b, c, got };
}

describe('a broadcast of a namespace', () => {
  it('reaches the clients that are chosen, each once', () => {
    const { namespace, a, b, got } = three();
    expect(got(() => namespace.emit('x'))).toBe('111');
    expect(got(() => namespace.to('one').emit('x'))).toBe('110');
    expect(got(() => namespace.in('one', 'two').emit('x'))).toBe('111');
    expect(got(() => namespace.to('one').to('two').except('two').emit('x'))).toBe('100');
    expect(got(() => namespace.except('one').emit('x'))).toBe('001');
    expect(got(() => namespace.to('nobody').emit('x'))).toBe('000');
    expect(got(() => namespace.to(b.id).emit('x'))).toBe('010');
    expect(got(() => a.broadcast.emit('x'))).toBe('011');
    expect(got(() => a.to('one').emit('x'))).toBe('010');
    expect([namespace.size, namespace.to('two').size, [...namespace.to(a.id)]]).toEqual([
      3,
      2,
      [a.channel],
    ]);
  });

  it('encodes the event once, for all clients', () => {
    const { namespace, got } = three();
    let calls = 0;
    const value = {
      toJSON: () => {
        calls += 1;
        return 'value';
      },
    };
    expect(got(() => namespace.emit('x', value))).toBe('111');
    expect(calls).toBe(1);
  });

  it('keeps the order of events for different rooms', () => {
    const { namespace, clients, clock } = three();
    clock.run(() => {
      namespace.emit('first');
      namespace.to('two').emit('second');
      namespace.emit('third');
    });
    const texts = (names: string[]) => names.map((name) => `42["${name}"]`);
    expect(clients.map((client) => client.got())).toEqual([
      texts(['first', 'third']),
      texts(['first', 'second', 'third']),
      texts(['first', 'second', 'third']),
    ]);
  });

  it('passes over clients that cannot receive a volatile event at once', () => {
    const { namespace, clients, b, got } = three();
    clients[1]!.socket.isBlocked = true;
    expect(got(() => namespace.volatile.emit('x'))).toBe('101');
    expect(got(() => b.volatile.emit('x'))).toBe('000');
    expect(got(() => namespace.emit('x'))).toBe('101');
    expect(got(() => clients[1]!.socket.unblock())).toBe('010');
    expect(got(() => b.volatile.emit('x'))).toBe('010');
  });

  it('sends attachments to all', () => {
    const { namespace, clients, clock } = three();
    clock.run(() => namespace.emit('x', Buffer.of(1), Buffer.of(2)));
    const places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
    for (const client of clients) {
      expect(client.got()).toEqual([`452-["x",${places}]`, 'bytes 1', 'bytes 2']);
    }
  });
});

describe('rooms', () => {
  it('lose clients that leave them, or the namespace', () => {
    const { namespace, clients, a, b } = three();
    expect([a.rooms, b.rooms]).toEqual([['one'], ['one', 'two']]);
    b.leave('one', 'unknown');
    expect([namespace.to('one').size, b.rooms]).toEqual([1, ['two']]);
    clients[1]!.says('1');
    expect([namespace.size, namespace.to('two').size, namespace.to(b.id).size]).toEqual([2, 1, 0]);
    b.join('two');
    expect([namespace.to('two').size, b.rooms, namespace.find(b.id)]).toEqual([1, [], undefined]);
    expect(namespace.find(a.id)).toBe(a);
  });

  it('are joined and left by all clients that are chosen', () => {
    const { namespace, a, c } = three();
    namespace.to('one').socketsJoin('three');
    namespace.except('one').socketsLeave('two');
    expect([a.rooms, c.rooms, namespace.to('three').size]).toEqual([['one', 'three'], [], 2]);
  });

  it('end the namespace for their clients, or their connections', () => {
    const { namespace, clients, clock } = three();
    clock.run(() => namespace.to('one').disconnectSockets());
    expect(clients.map((client) => client.got())).toEqual([['41'], ['41'], []]);
    clock.run(() => namespace.disconnectSockets(true));
    expect(clients.map((client) => client.settle().isOpen)).toEqual([true, true, false]);
  });
});

describe('the options of a namespace', () => {
  it.each([
    ['a name without a slash', () => new SocketIoNamespace('admin')],
    ['a name with a comma', () => new SocketIoNamespace('/a,b')],
    [
      'an event without a function',
      () => new SocketIoNamespace('/', { events: { a: 1 } as never }),
    ],
    ['a schema that is none', () => new SocketIoNamespace('/', { schemas: { a: {} } as never })],
    ['an unknown option', () => new SocketIoNamespace('/', { event: {} } as never)],
  ])('refuse %s', (_name, make) => {
    expect(make).toThrow(expect.objectContaining({ code: 'HR_ERR_OPTION_INVALID' }));
  });
});
