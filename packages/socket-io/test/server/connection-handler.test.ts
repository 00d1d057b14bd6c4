import { type Channel, DrainEvent } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import {
  type AnyEvents,
  SOCKET_IO_DISCONNECT,
  SocketIoEvent,
  SocketIoNamespace,
  type SocketIoNamespaceOptions,
  type SocketIoSocket,
} from '../../src/index.ts';
import { ScriptedClient } from '../fixture/scripted-connection.ts';

/** A namespace that answers, and what it heard. */
function echo(name = '/', options: SocketIoNamespaceOptions<AnyEvents, AnyEvents> = {}) {
  const heard: string[] = [];
  const sockets: SocketIoSocket[] = [];
  const namespace = new SocketIoNamespace(name, {
    connection: (socket) => {
      sockets.push(socket as never);
      heard.push(`+ ${JSON.stringify(socket.handshake.auth)}`);
    },
    disconnected: (_socket, reason) => void heard.push(`- ${reason}`),
    events: {
      say: (socket, ...args) => void socket.emit('said', ...args),
      ask: (_socket, ...args) => args.pop()(...args),
    },
    ...options,
  });
  return { namespace, heard, sockets };
}

describe('a connection of Socket.IO', () => {
  it('enters namespaces, with what the client sent for them', () => {
    const main = echo();
    const admin = echo('/admin');
    const client = new ScriptedClient([main.namespace, admin.namespace]);
    client.says('0{"token":"123"}', '0/admin,');
    expect(client.got()).toEqual(['40{"sid":ID}', '40/admin,{"sid":ID}']);
    expect([main.heard, admin.heard]).toEqual([['+ {"token":"123"}'], ['+ {}']]);
    expect(main.sockets[0]!.handshake.url).toBe('/socket.io/?room=a');
    expect(main.sockets[0]!.channel.parent).toBe(client.channel);
    expect(main.sockets[0]!.id).not.toBe(admin.sockets[0]!.id);
  });

  it('refuses an unknown namespace, and stays open', () => {
    const client = new ScriptedClient([echo().namespace]);
    client.says('0/random', '0/constructor,', '0/__proto__,');
    expect(client.got()).toEqual([
      '44/random,{"message":"Invalid namespace"}',
      '44/constructor,{"message":"Invalid namespace"}',
      '44/__proto__,{"message":"Invalid namespace"}',
    ]);
    expect(client.isOpen).toBe(true);
  });

  it('limits the namespaces of a connection', () => {
    const all = ['/a', '/b', '/c'].map((name) => echo(name).namespace);
    const client = new ScriptedClient(all, { maxNamespaces: 2 });
    client.says('0/a,', '0/b,', '0/c,');
    expect(client.got().at(-1)).toBe('44/c,{"message":"more than 2 namespaces on one connection"}');
    client.says('1/a,', '0/c,');
    expect(client.got()).toEqual(['40/c,{"sid":ID}']);
  });

  it('limits what a client sends for its namespaces, whose handshakes keep it', () => {
    const all = ['/a', '/b', '/c'].map((name) => echo(name).namespace);
    const client = new ScriptedClient(all, { maxPacketBytes: 5000 });
    client.says(
      `0/a,{"token":"${'x'.repeat(3000)}"}`,
      `0/b,{"token":"${'x'.repeat(3000)}"}`,
      '0/c,',
    );
    const message = 'what was sent for the namespaces counts more than 5000 bytes';
    expect(client.got()).toEqual([
      '40/a,{"sid":ID}',
      `44/b,${JSON.stringify({ message })}`,
      '40/c,{"sid":ID}',
    ]);
    client.says('1/a,', `0/b,{"token":"${'x'.repeat(3000)}"}`);
    expect(client.got()).toEqual(['40/b,{"sid":ID}']);
  });

  it('passes events on and answers them, each event once', () => {
    const { namespace } = echo();
    const client = new ScriptedClient([namespace]).enters('/');
    client.says('2["say",1,"2",{"3":[true]}]', '2456["ask",1,"2"]', '20["ask"]');
    expect(client.got()).toEqual(['42["said",1,"2",{"3":[true]}]', '43456[1,"2"]', '430[]']);
  });

  it('answers an event that came together with the connect', () => {
    const client = new ScriptedClient([echo().namespace]);
    client.says('0', '21["ask","early"]');
    expect(client.got()).toEqual(['40{"sid":ID}', '431["early"]']);
  });

  it('answers once, and not after the end', () => {
    const answers: ((...args: unknown[]) => void)[] = [];
    const { namespace } = echo('/', {
      events: { ask: (_socket, answer) => void answers.push(answer) },
    });
    const client = new ScriptedClient([namespace]).enters('/');
    client.says('21["ask"]', '22["ask"]');
    client.clock.run(() => {
      answers[0]!('a');
      answers[0]!('b');
    });
    expect(client.got()).toEqual(['431["a"]']);
    client.says('1');
    client.clock.run(() => answers[1]!('late'));
    expect([client.got(), client.log]).toEqual([[], []]);
  });

  it('carries attachments both ways, in order', () => {
    const { namespace } = echo('/a');
    const client = new ScriptedClient([namespace]).enters('/a');
    const places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
    client.says(`52-/a,["say",${places}]`, Buffer.of(1, 2), Buffer.of(3));
    expect(client.got()).toEqual([`452-/a,["said",${places}]`, 'bytes 1,2', 'bytes 3']);
    client.says(`52-/a,9["ask",${places}]`, Buffer.of(1, 2), Buffer.of(3));
    expect(client.got()).toEqual([`462-/a,9[${places}]`, 'bytes 1,2', 'bytes 3']);
  });

  it.each([
    ['an unknown type', ['4abc'.slice(1)], 'unknown type'],
    ['an event before the connect', ['2["say"]'], 'the client is not in the namespace'],
    ['a second connect', ['0', '0'], 'a second connect'],
    [
      'an event for a namespace that it never entered',
      ['0', '2/a,["say"]'],
      'not in the namespace',
    ],
    ['a name that is reserved', ['0', '2["disconnect"]'], 'wrong content'],
  ])('ends for %s, with a line in the log', (_name, packets, why) => {
    const main = echo();
    const client = new ScriptedClient([main.namespace]);
    client.says(...packets);
    expect(client.isOpen).toBe(false);
    expect(client.log.filter((line) => line.startsWith('warn'))).toHaveLength(1);
    expect(client.log[0]).toContain(why);
    expect(main.heard.filter((text) => text.startsWith('-'))).toEqual(
      main.sockets.length > 0 ? ['- parse error'] : [],
    );
  });

  it('ends when the client enters no namespace in time, and not when it has entered one', () => {
    const late = new ScriptedClient([echo().namespace], { connectTimeoutMs: 1000 });
    late.says('0/random');
    late.clock.advance(999);
    expect(late.isOpen).toBe(true);
    late.clock.advance(1);
    expect([late.isOpen, late.log.length]).toEqual([false, 2]);
    const inTime = new ScriptedClient([echo().namespace], { connectTimeoutMs: 1000 }).enters('/');
    inTime.says('1');
    inTime.clock.advance(10_000);
    expect(inTime.isOpen).toBe(true);
  });

  it('ends when attachments that were announced do not come', () => {
    const { namespace, heard } = echo();
    const client = new ScriptedClient([namespace], { packetTimeoutMs: 1000 }).enters('/');
    client.says('51-["say",{"_placeholder":true,"num":0}]', Buffer.of(1));
    client.clock.advance(2000);
    expect(client.isOpen).toBe(true);
    client.says('52-["say",{"_placeholder":true,"num":0}]', Buffer.of(1));
    client.clock.advance(1000);
    expect([client.isOpen, heard.at(-1)]).toEqual([false, '- forced server close']);
  });
});

describe('the end of a namespace', () => {
  it('by the client leaves the others, and the client may come again', () => {
    const main = echo();
    const admin = echo('/admin');
    const client = new ScriptedClient([main.namespace, admin.namespace]).enters('/', '/admin');
    client.says('1/admin,', '2["say",1]');
    expect(client.got()).toEqual(['42["said",1]']);
    expect(admin.heard).toEqual(['+ {}', '- client namespace disconnect']);
    expect(admin.sockets[0]!.connected).toBe(false);
    client.says('0/admin,');
    expect(client.got()).toEqual(['40/admin,{"sid":ID}']);
  });

  it('by the server drops the packets that the client sent before it knew', () => {
    const main = echo();
    const admin = echo('/admin');
    const client = new ScriptedClient([main.namespace, admin.namespace]).enters('/', '/admin');
    client.clock.run(() => {
      admin.sockets[0]!.emit('last');
      admin.sockets[0]!.disconnect();
    });
    client.says('2/admin,["say",1]', '3/admin,1[]', '1/admin,', '2["say",2]');
    expect(client.got()).toEqual(['42/admin,["last"]', '41/admin,', '42["said",2]']);
    expect([admin.heard.at(-1), client.isOpen]).toEqual(['- server namespace disconnect', true]);
  });

  it('can end the whole connection, after what was written', () => {
    const main = echo();
    const client = new ScriptedClient([main.namespace]).enters('/');
    client.clock.run(() => {
      main.sockets[0]!.emit('last');
      main.sockets[0]!.disconnect(true);
    });
    client.settle();
    expect(client.socket.sent).toEqual(['42["last"]', '41']);
    expect(client.isOpen).toBe(false);
  });

  it.each([
    ['transport close', (client: ScriptedClient) => client.socket.says('1')],
    ['ping timeout', (client: ScriptedClient) => client.clock.advance(120_000)],
    [
      'transport error',
      (client: ScriptedClient) => client.session.wireLost(client.socket, 'transport error'),
    ],
    ['parse error', (client: ScriptedClient) => client.socket.says('x')],
    ['forced server close', (client: ScriptedClient) => client.channel.close()],
  ])('says %s', (reason, end) => {
    const main = echo();
    const client = new ScriptedClient([main.namespace]).enters('/');
    if (reason === 'ping timeout') end(client);
    else client.clock.run(() => end(client));
    client.settle();
    expect(main.heard).toEqual(['+ {}', `- ${reason}`]);
    expect(main.sockets[0]!.channel.attributes.get(SOCKET_IO_DISCONNECT)).toBe(reason);
  });

  it('comes after the events before it, even while nothing is read', () => {
    const read: string[] = [];
    const { namespace, sockets, heard } = echo('/', {
      events: { say: (_socket, text) => void read.push(text) },
    });
    const client = new ScriptedClient([namespace]).enters('/');
    sockets[0]!.channel.holdReads('test');
    client.says('2["say","a"]', '2["say","b"]');
    expect(read).toEqual([]);
    client.says('1');
    expect([read, heard.at(-1)]).toEqual([['a', 'b'], '- client namespace disconnect']);
  });
});

describe('authorize', () => {
  const deciding = (decide: (auth: Record<string, unknown>) => unknown) =>
    echo('/', { authorize: ({ auth }) => decide(auth) as never });

  it.each([
    ['true', () => true, '40{"sid":ID}'],
    ['false', () => false, '44{"message":"not authorized"}'],
    [
      'a refusal',
      () => ({ message: 'no', data: { code: 7 } }),
      '44{"message":"no","data":{"code":7}}',
    ],
    ['a promise', () => Promise.resolve({ message: 'no' }), '44{"message":"no"}'],
  ])('decides by %s', async (_name, decide, answer) => {
    const client = new ScriptedClient([deciding(decide).namespace]);
    client.says('0');
    await Promise.resolve().then(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.got()).toEqual([answer]);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('secret');
      },
    ],
    ['rejects', () => Promise.reject(new Error('secret'))],
    ['decides nothing', () => undefined],
    ['gives a text', () => 'yes'],
  ])('refuses without details when it %s, and logs it', async (_name, decide) => {
    const client = new ScriptedClient([deciding(decide).namespace]);
    client.says('0');
    await new Promise((resolve) => setImmediate(resolve));
    expect(client.got()).toEqual(['44{"message":"internal error"}']);
    expect(client.log).toHaveLength(1);
    expect(client.log[0]).toMatch(/^error authorize of \/ failed: /);
  });

  it('lets in by a function, which is called with the channel before its pipeline is built', async () => {
    const seen: string[] = [];
    const namespace = new SocketIoNamespace('/', {
      authorize: () => (channel) => void seen.push(`accept ${channel.pipeline.names().length}`),
      pipeline: () => void seen.push('pipeline'),
      connection: () => void seen.push('connection'),
    });
    const client = new ScriptedClient([namespace]);
    client.says('0');
    await new Promise((resolve) => setImmediate(resolve));
    client.settle();
    expect(seen.map((text) => text.split(' ')[0])).toEqual(['accept', 'pipeline', 'connection']);
  });

  it('does not let in a client that has left meanwhile, and takes no events before it', async () => {
    let decide: (decision: boolean) => void = () => {};
    const pending = () =>
      new Promise<boolean>((resolve) => {
        decide = resolve;
      });
    const left = deciding(pending);
    const client = new ScriptedClient([left.namespace]);
    client.says('0', '1');
    decide(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect([client.got(), left.heard, client.isOpen]).toEqual([[], [], true]);
    client.says('0', '2["say"]');
    expect(client.isOpen).toBe(false);
  });
});

describe('an event that the client must answer', () => {
  const entered = (options = {}) => {
    const main = echo('/', options);
    const client = new ScriptedClient([main.namespace]).enters('/');
    const ask = (...args: unknown[]) =>
      client.clock.run(() => main.sockets[0]!.emitWithAck('ask', ...args));
    return { ...main, client, ask };
  };

  it('resolves with the answer', async () => {
    const { client, ask } = entered();
    const answer = ask('a', Buffer.of(1));
    expect(client.got()).toEqual(['451-1["ask","a",{"_placeholder":true,"num":0}]', 'bytes 1']);
    client.says('31["b","c"]');
    expect(await answer).toBe('b');
    client.says('31["again"]', '399["unknown"]', '3["no id"]');
    expect(client.isOpen).toBe(true);
  });

  it('fails when no answer comes in time, or the client leaves first', async () => {
    const { client, ask } = entered({ ackTimeoutMs: 500 });
    const late = ask();
    client.clock.advance(500);
    await expect(late).rejects.toMatchObject({ code: 'HR_ERR_TIMEOUT_REQUEST' });
    const lost = ask();
    client.says('1');
    await expect(lost).rejects.toMatchObject({ code: 'HR_ERR_REQUEST_LOST' });
    await expect(ask()).rejects.toMatchObject({ code: 'HR_ERR_REQUEST_LOST' });
  });

  it('gets its answer while the channel reads nothing', async () => {
    const { client, ask, sockets } = entered();
    sockets[0]!.channel.holdReads('a handler that waits for the answer');
    const answer = ask();
    client.got();
    client.says('2["say",1]', '31["now"]');
    expect(await answer).toBe('now');
    expect(client.got()).toEqual([]);
  });
});

describe('a channel that reads nothing', () => {
  it('holds the connection when 64 events wait, and goes on in order', () => {
    const { namespace, sockets } = echo();
    const other = echo('/other');
    const client = new ScriptedClient([namespace, other.namespace]).enters('/', '/other');
    const hold = sockets[0]!.channel.holdReads('test');
    const events = Array.from({ length: 63 }, (_, i) => `2["say",${i}]`);
    client.says(...events, '2/other,["say","passes"]');
    expect([client.got(), client.channel.isReadHeld]).toEqual([
      ['42/other,["said","passes"]'],
      false,
    ]);
    client.says('2["say",63]', '2["say",64]', '2/other,["say","waits"]');
    expect([client.got(), client.channel.isReadHeld, client.socket.isHeld]).toEqual([
      [],
      true,
      true,
    ]);
    client.clock.run(() => hold.release());
    const all = client.got();
    expect(all.filter((text) => text.startsWith('42['))).toEqual(
      Array.from({ length: 65 }, (_, i) => `42["said",${i}]`),
    );
    expect(all).toContain('42/other,["said","waits"]');
    expect([client.channel.isReadHeld, client.socket.isHeld]).toEqual([false, false]);
  });

  it('holds the connection when long events wait, even if it closes then', () => {
    const { namespace, sockets } = echo();
    const other = echo('/other');
    const client = new ScriptedClient([namespace, other.namespace]).enters('/', '/other');
    sockets[0]!.channel.holdReads('test');
    client.says(`2["say","${'a'.repeat(70_000)}"]`);
    expect(client.channel.isReadHeld).toBe(true);
    client.clock.run(() => sockets[0]!.channel.close());
    client.settle();
    expect(client.channel.isReadHeld).toBe(false);
  });
});

describe('a client that reads nothing', () => {
  it('holds the connection when attachments wait, each of which counts', () => {
    const { namespace, sockets } = echo();
    const client = new ScriptedClient([namespace]).enters('/');
    const hold = sockets[0]!.channel.holdReads('test');
    const places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}';
    client.says(`52-["say",${places}]`, Buffer.alloc(40_000), Buffer.alloc(1));
    expect(client.channel.readHolds).toEqual([]);
    client.says(`52-["say",${places}]`, Buffer.alloc(40_000), Buffer.alloc(1));
    expect(client.channel.readHolds).toEqual(['socket.io']);
    hold.release();
    client.settle();
    expect(client.channel.readHolds).toEqual([]);
  });

  it('holds the connection of a client that begins decisions without end', async () => {
    const decide: ((isIn: boolean) => void)[] = [];
    const { namespace } = echo('/', {
      authorize: () => new Promise<boolean>((resolve) => void decide.push(resolve)),
    });
    const client = new ScriptedClient([namespace], { maxNamespaces: 3 });
    for (let i = 0; i < 10; i++) client.says('0', '1');
    expect([decide.length, client.channel.readHolds]).toEqual([4, ['socket.io']]);
    decide[0]!(true);
    await Promise.resolve();
    await Promise.resolve();
    client.settle();
    expect([decide.length, client.channel.readHolds]).toEqual([5, ['socket.io']]);
    for (let i = 1; i < 10; i++) {
      decide[i]!(true);
      await new Promise(setImmediate);
      client.settle();
    }
    expect([decide.length, client.channel.readHolds, client.isOpen]).toEqual([10, [], true]);
  });

  it('cannot cause output without end by its connects', () => {
    const client = new ScriptedClient([]);
    client.socket.isBlocked = true;
    for (let i = 0; i < 20 && !client.channel.isReadHeld; i++) {
      client.says(...Array.from({ length: 100 }, () => `0/${'a'.repeat(100)},`));
    }
    expect([client.channel.isReadHeld, client.channel.isWritable]).toEqual([true, false]);
    client.clock.run(() => client.socket.unblock());
    client.settle();
    expect(client.channel.isReadHeld).toBe(false);
  });
});

describe('the channel of a client', () => {
  it('has the handlers of the application between the packets and its functions', () => {
    const seen: string[] = [];
    const { namespace } = echo('/', {
      pipeline: (channel) =>
        channel.pipeline.addLast({
          channelRead: (ctx, message: unknown) => {
            seen.push(`in ${(message as SocketIoEvent).name}`);
            ctx.fireChannelRead(message);
          },
          write: (ctx, message: unknown) => {
            seen.push(`out ${(message as SocketIoEvent).name}`);
            return ctx.write(message);
          },
        }),
    });
    const client = new ScriptedClient([namespace]).enters('/');
    client.says('2["say",1]');
    expect(seen).toEqual(['in say', 'out said']);
  });

  it('delivers events without a function to a loop', async () => {
    const { namespace, sockets } = echo('/', { events: {} });
    const client = new ScriptedClient([namespace]).enters('/');
    const loop = (async () => {
      for await (const event of sockets[0]!.channel as Channel<SocketIoEvent>) return event.args;
      return [];
    })();
    client.says('2["any",1,2]');
    expect(await loop).toEqual([1, 2]);
  });

  it('closes when a function fails, and leaves the others', async () => {
    const { namespace } = echo('/', {
      events: {
        throws: () => {
          throw new Error('a fault of ours');
        },
      },
    });
    const other = echo('/other');
    const client = new ScriptedClient([namespace, other.namespace]).enters('/', '/other');
    client.says('2["throws"]', '2/other,["say",1]');
    expect(client.got()).toEqual(['41', '42/other,["said",1]']);
    expect(client.log).toHaveLength(1);
    expect(client.log[0]).toContain('a fault of ours');
  });

  it('checks arguments by a schema', () => {
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) =>
          typeof (value as unknown[])[0] === 'number'
            ? { value: [(value as number[])[0]! + 1] }
            : { issues: [{ message: 'no number' }] },
      },
    };
    const { namespace } = echo('/', { schemas: { say: schema, ask: schema } as never });
    const client = new ScriptedClient([namespace]).enters('/');
    client.says('2["say",1]', '27["ask",1]');
    expect(client.got()).toEqual(['42["said",2]', '437[2]']);
    client.says('2["say","a"]');
    expect([client.got(), client.isOpen]).toEqual([['41'], true]);
    expect(client.log[0]).toContain('no number');
  });

  it('is drained with its connection', () => {
    const { namespace, heard, sockets } = echo();
    const client = new ScriptedClient([namespace]).enters('/');
    let release = (): void => {};
    sockets[0]!.channel.pipeline.addFirst({
      userEventTriggered: (ctx, event) => {
        if (event instanceof DrainEvent) {
          const hold = event.hold('work');
          release = () => hold.release();
        }
        ctx.fireUserEventTriggered(event);
      },
    });
    client.clock.run(() => client.channel.pipeline.fireUserEventTriggered(new DrainEvent(10_000)));
    client.settle();
    expect([client.isOpen, heard]).toEqual([true, ['+ {}']]);
    client.clock.run(() => release());
    client.settle();
    // A client that gets a disconnect would not come again by itself.
    expect([client.isOpen, client.got()]).toEqual([false, []]);
    expect(heard.at(-1)).toBe('- server shutting down');
  });

  it('ends its connection without a word if the client is too slow, so that the client comes again', () => {
    const { namespace, sockets, heard } = echo();
    const client = new ScriptedClient([namespace]).enters('/');
    client.clock.run(() => sockets[0]!.channel.close('slow-consumer'));
    expect([client.got(), client.isOpen]).toEqual([[], false]);
    expect(heard.at(-1)).toBe('- server namespace disconnect');
  });

  it('ends its connection on a shutdown when it was the last', () => {
    const main = echo();
    const other = echo('/other');
    const client = new ScriptedClient([main.namespace, other.namespace]).enters('/', '/other');
    client.clock.run(() => main.sockets[0]!.channel.end({ reason: 'shutdown' }));
    expect([client.got(), client.isOpen]).toEqual([[], true]);
    client.clock.run(() => other.sockets[0]!.channel.end({ reason: 'shutdown' }));
    expect([client.got(), client.isOpen]).toEqual([[], false]);
  });
});
