import type { Context } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { RespCodec } from '@headrace/resp';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { CommandHandler } from '../src/command-handler.ts';
import { Memory } from '../src/memory.ts';
import { Store } from '../src/store.ts';
import { Subscriptions } from '../src/subscriptions.ts';

let clock: VirtualClock;
let shared: { memory: Memory; store: Store; subscriptions: Subscriptions };

function sharedWith(maxMemoryBytes: number): typeof shared {
  const memory = new Memory(maxMemoryBytes);
  return { memory, store: new Store(clock, memory), subscriptions: new Subscriptions(memory) };
}

beforeEach(() => {
  clock = new VirtualClock();
  shared = sharedWith(2 ** 28);
});

/** A client that types its commands. */
function client(): { channel: EmbeddedChannel; ask: (...lines: string[]) => string[] } {
  const codec = new RespCodec({ inlineCommands: true });
  const channel = EmbeddedChannel.with({ clock }, codec, new CommandHandler({ codec, ...shared }));
  return {
    channel,
    ask(...lines) {
      channel.writeInbound(Buffer.from(lines.map((line) => `${line}\r\n`).join('')));
      return received(channel);
    },
  };
}

function received(channel: EmbeddedChannel): string[] {
  const parts: string[] = [];
  for (let part = channel.readOutbound<Buffer>(); part !== undefined; ) {
    parts.push(String(part).slice(0, -2).replaceAll('\r\n', ' '));
    part = channel.readOutbound<Buffer>();
  }
  return parts;
}

describe('mini-redis', () => {
  it('answers INFO, all of it or one section', () => {
    const { ask } = client();
    expect(ask('INFO')[0]).toMatch(/# Server redis_version:7.*# Persistence loading:0/);
    expect(ask('INFO replication clients')).toEqual(['$28 # Replication role:master ']);
  });

  it('answers PING, ECHO, SET, GET, DEL and MGET', () => {
    const { ask } = client();
    expect(ask('PING', 'ping hello', 'ECHO "a b"')).toEqual(['+PONG', '$5 hello', '$3 a b']);
    expect(ask('SET k v', 'GET k', 'GET x', 'MGET k x')).toEqual([
      ...['+OK', '$1 v', '$-1', '*2 $1 v $-1'],
    ]);
    expect(ask('DEL k x', 'GET k')).toEqual([':1', '$-1']);
  });

  it('counts up to the last 64-bit number', () => {
    const { ask } = client();
    expect(ask('INCR n', 'INCR n', 'GET n')).toEqual([':1', ':2', '$1 2']);
    expect(ask('SET n 9223372036854775806', 'INCR n', 'INCR n')).toEqual([
      ...['+OK', ':9223372036854775807', '-ERR increment or decrement would overflow'],
    ]);
    for (const text of ['x', '01', '-0', '1.5', '9223372036854775808']) {
      expect(ask(`SET n ${text}`, 'INCR n')[1]).toBe(
        '-ERR value is not an integer or out of range',
      );
    }
  });

  it('lets keys end', () => {
    const { ask } = client();
    expect(ask('SET a 1 EX 10', 'SET b 1 PX 1500', 'TTL a', 'TTL b', 'TTL x')).toEqual([
      ...['+OK', '+OK', ':10', ':2', ':-2'],
    ]);
    clock.advance(1499);
    expect(ask('GET b')).toEqual(['$1 1']);
    clock.advance(1);
    expect(ask('GET b', 'INCR a', 'TTL a')).toEqual(['$-1', ':2', ':9']);
    expect(ask('SET a 1', 'TTL a', 'EXPIRE a 5', 'EXPIRE x 5', 'EXPIRE a -1', 'GET a')).toEqual([
      ...['+OK', ':-1', ':1', ':0', ':1', '$-1'],
    ]);
  });

  it('removes expired keys that are not read, and then stops its timer', () => {
    const { ask } = client();
    for (let key = 0; key < 100; key++) ask(`SET key-${key} 1 EX ${key < 50 ? 1 : 60}`);
    const { values } = shared.store as unknown as { values: Map<string, Buffer> };
    clock.advance(2000);
    expect(values.size).toBe(50);
    clock.advance(60_000);
    expect(values.size).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('sets only new or only existing keys, if so wanted', () => {
    const { ask } = client();
    expect(ask('SET k 1 XX', 'SET k 1 NX', 'SET k 2 NX', 'SET k 3 XX PX 5000', 'GET k')).toEqual([
      ...['$-1', '+OK', '$-1', '+OK', '$1 3'],
    ]);
    expect(ask('SET k 1 NX XX', 'SET k 1 EX', 'SET k 1 EX 0', 'SET k 1 EX x')).toEqual([
      '-ERR syntax error',
      '-ERR syntax error',
      "-ERR invalid expire time in 'set' command",
      '-ERR value is not an integer or out of range',
    ]);
  });

  it('answers what is wrong as Redis does, and goes on', () => {
    const { ask } = client();
    expect(ask('get', 'nope a "b c"', 'HELLO 4', 'SELECT 1', 'client nope', 'PING')).toEqual([
      "-ERR wrong number of arguments for 'get' command",
      "-ERR unknown command 'nope', with args beginning with: 'a' 'b c' ",
      '-NOPROTO unsupported protocol version',
      '-ERR DB index is out of range',
      "-ERR unknown subcommand 'nope'. Try CLIENT HELP.",
      '+PONG',
    ]);
  });

  it('ends a connection that breaks the protocol, after an answer', () => {
    for (const [bytes, answer] of [
      ['*1\r\n+PING\r\n', "-ERR Protocol error: expected '$'"],
      ['*x\r\n', '-ERR Protocol error: invalid multibulk length'],
      ['echo "a\r\n', '-ERR Protocol error: unbalanced quotes in request'],
    ] as const) {
      const { channel } = client();
      channel.writeInbound(Buffer.from(`${bytes}PING\r\n`));
      expect(received(channel)).toEqual([answer]);
      expect(channel.isOutputShutdown).toBe(true);
    }
  });

  it('ignores what comes after QUIT', () => {
    const { ask, channel } = client();
    expect(ask('QUIT', 'PING')).toEqual(['+OK']);
    expect(channel.isOutputShutdown).toBe(true);
  });

  it('answers everything that one read brought with one flush', () => {
    const { channel } = client();
    let flushes = 0;
    channel.pipeline.addFirst({
      flush(ctx: Context) {
        flushes += 1;
        ctx.flush();
      },
    });
    channel.writeInbound(Buffer.from('PING\r\n'.repeat(100)));
    expect(flushes).toBe(1);
    expect(received(channel).length).toBe(100);
  });

  it('publishes to those who listen, in the form of their version', () => {
    const [first, second, speaker] = [client(), client(), client()];
    expect(first.ask('SUBSCRIBE news sport')).toEqual([
      '*3 $9 subscribe $4 news :1',
      '*3 $9 subscribe $5 sport :2',
    ]);
    expect(second.ask('HELLO 3', 'SUBSCRIBE news')[1]).toBe('>3 $9 subscribe $4 news :1');
    expect(speaker.ask('PUBLISH news hi', 'PUBLISH other hi')).toEqual([':2', ':0']);
    expect(received(first.channel)).toEqual(['*3 $7 message $4 news $2 hi']);
    expect(received(second.channel)).toEqual(['>3 $7 message $4 news $2 hi']);
  });

  it('lets a listener of version 2 do little else', () => {
    const { ask } = client();
    ask('SUBSCRIBE news');
    expect(ask('GET k', 'PING')).toEqual([
      "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
      '*2 $4 pong $0 ',
    ]);
    expect(ask('UNSUBSCRIBE', 'GET k', 'UNSUBSCRIBE')).toEqual([
      ...['*3 $11 unsubscribe $4 news :0', '$-1', '*3 $11 unsubscribe $-1 :0'],
    ]);
  });

  it('keeps no more keys, values and names than it has memory for', () => {
    shared = sharedWith(10_000);
    const { channel, ask } = client();
    const oom = "-OOM command not allowed when used memory > 'maxmemory'.";
    expect(ask('SET a 1', 'INCR a', `SET b ${'x'.repeat(10_000)}`)).toEqual(['+OK', ':2', '+OK']);
    expect(shared.memory.usedBytes).toBe(2 * 512 + 2 + 10_001);
    expect(ask('SET c 1', 'INCR a', 'GET a', 'SUBSCRIBE x y')).toEqual([oom, oom, '$1 2', oom]);
    expect(ask('DEL b', 'SET b 1', 'SUBSCRIBE 1 2 3 4 5 6 7').at(-1)).toBe(oom);
    const refused = ask('SUBSCRIBE 1 6', 'SUBSCRIBE 7');
    expect(refused).toEqual(['*3 $9 subscribe $1 1 :4', oom, oom]);
    expect(ask('UNSUBSCRIBE 1', 'SUBSCRIBE 7').at(-1)).toBe('*3 $9 subscribe $1 7 :4');
    channel.close();
    channel.runPendingTasks();
    expect(shared.memory.usedBytes).toBe(2 * 512 + 4);
    const other = client();
    expect(other.ask('EXPIRE a 1', 'DEL b')).toEqual([':1', ':1']);
    clock.advance(3000);
    expect(shared.memory.usedBytes).toBe(0);
  });

  it('keeps no long names of clients', () => {
    const { ask } = client();
    const long = 'x'.repeat(1025);
    expect(ask(`CLIENT SETNAME ${long}`, `HELLO 2 SETNAME ${long}`, 'CLIENT GETNAME')).toEqual([
      '-ERR Client name is too long',
      '-ERR Client name is too long',
      '$-1',
    ]);
  });

  it('forgets listeners that are gone', () => {
    const [listener, speaker] = [client(), client()];
    listener.ask('SUBSCRIBE news');
    listener.channel.finish();
    expect(speaker.ask('PUBLISH news hi')).toEqual([':0']);
    const { groups } = shared.subscriptions as unknown as { groups: Map<string, unknown> };
    expect(groups.size).toBe(0);
  });

  it('subscribes to no further name once an answer has closed the connection', () => {
    const { channel, ask } = client();
    channel.pipeline.addFirst({
      write(ctx, message) {
        ctx.channel.close();
        return ctx.write(message);
      },
    });
    const write = vi.spyOn(channel, 'write');
    ask('SUBSCRIBE a b c');
    expect(write).toHaveBeenCalledOnce();
    expect(shared.memory.usedBytes).toBe(0);
  });

  it('keeps nothing for a listener that is gone before it is added', () => {
    const { channel } = client();
    channel.close();
    shared.subscriptions.add('news', channel);
    expect(shared.memory.usedBytes).toBe(0);
    const { groups } = shared.subscriptions as unknown as { groups: Map<string, unknown> };
    expect(groups.size).toBe(0);
  });
});
