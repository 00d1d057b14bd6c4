import { Buffer } from 'node:buffer';
import {
  type Channel,
  type Context,
  connectChannel,
  type Handler,
  silentLogger,
} from '@headrace/core';
import { isPeerLeaving } from '@headrace/core/authoring';
import { settle, VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { PageClose, PageSocket } from '../../src/browser/page-socket.ts';
import { PageTransport } from '../../src/browser/page-transport.ts';
import { TextMessage } from '../../src/socket/text-message.ts';
import { beginPipeline, WEB_SOCKET_CLOSE } from '../../src/socket/web-socket-channel.ts';

/** The WebSocket of a page, without a server. */
class FakeSocket implements PageSocket {
  binaryType = 'blob';
  readyState = 0;
  bufferedAmount = 0;
  protocol = '';
  onopen: PageSocket['onopen'] = null;
  onmessage: PageSocket['onmessage'] = null;
  onclose: PageSocket['onclose'] = null;
  onerror: PageSocket['onerror'] = null;
  readonly sent: unknown[] = [];
  readonly closes: unknown[][] = [];

  send(message: string | Uint8Array): void {
    this.sent.push(typeof message === 'string' ? message : Buffer.from(message));
  }

  close(...close: unknown[]): void {
    this.closes.push(close);
  }

  open(protocol = ''): void {
    this.protocol = protocol;
    this.readyState = 1;
    this.onopen?.();
  }

  receive(data: unknown): void {
    this.onmessage?.({ data });
  }

  end(close: PageClose): void {
    this.readyState = 3;
    this.onclose?.(close);
  }
}

const bytes = (text: string): ArrayBuffer => new Uint8Array(Buffer.from(text)).buffer;

class Notes implements Handler {
  readonly all: unknown[] = [];
  act: () => void = () => {};

  channelRead(_ctx: Context, message: unknown): void {
    this.all.push(message);
    this.act();
  }
  channelReadComplete(): void {
    this.all.push('|');
  }
  exceptionCaught(_ctx: Context, error: Error): void {
    this.all.push((error as Error & { code: string }).code);
  }
  channelInactive(): void {
    this.all.push('inactive');
  }
}

describe("a page's WebSocket as a transport", () => {
  let clock: VirtualClock;
  let socket: FakeSocket;
  let notes: Notes;

  beforeEach(() => {
    clock = new VirtualClock();
    socket = new FakeSocket();
    notes = new Notes();
  });

  function connecting(
    options: { readonly subprotocols?: string[]; readonly dial?: () => PageSocket } = {},
  ): Promise<Channel> {
    const { subprotocols = [], dial = () => socket } = options;
    const transport = new PageTransport({
      clock,
      maxMessageBytes: 1000,
      url: 'ws://host/ws',
      subprotocols,
      dial,
    });
    const channel = connectChannel(transport, {
      clock,
      logger: silentLogger,
      initialize: (opening) => {
        beginPipeline(opening, transport, Number.POSITIVE_INFINITY);
        opening.pipeline.addLast(notes);
      },
    });
    channel.catch(() => {});
    return channel;
  }

  async function connected(): Promise<Channel> {
    const channel = connecting();
    socket.open();
    await settle(clock);
    return channel;
  }

  it('fails what is written when the server has closed, though the browser has not said so', async () => {
    const channel = await connected();
    socket.readyState = 2;
    const late = channel.writeAndFlush('lost');
    await settle(clock);
    expect([late.isSuccess, socket.sent]).toEqual([false, []]);
    socket.end({ code: 1001, reason: '' });
    await settle(clock);
    expect(late.error).toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
    expect(channel.closeInfo).toMatchObject({ reason: 'peer' });
  });

  it('the end is planned after the codes 1001 and 1012 of a server, and after no other', async () => {
    const planned: number[] = [];
    for (const code of [1000, 1001, 1006, 1008, 1011, 1012, 1013, 4001]) {
      socket = new FakeSocket();
      notes = new Notes();
      const channel = await connected();
      socket.end({ code, reason: '' });
      await settle(clock);
      if (isPeerLeaving(channel)) planned.push(code);
    }
    expect(planned).toEqual([1001, 1012]);
  });

  it('reads texts as strings and binary messages as Buffers, each as a burst', async () => {
    await connected();
    expect(socket.binaryType).toBe('arraybuffer');
    socket.receive('text');
    socket.receive(bytes('bytes'));
    expect(notes.all).toEqual(['text', '|', Buffer.from('bytes'), '|']);
  });

  it('sends strings and text messages as texts, bytes as they are, when they are flushed', async () => {
    const channel = await connected();
    channel.write('one');
    channel.write(TextMessage.of('zwei ä'));
    channel.write(new Uint8Array([1, 2]));
    const source = { byteLength: 1, writeTo: (to: Uint8Array, at: number) => void to.fill(9, at) };
    const last = channel.write(source);
    expect(socket.sent).toEqual([]);
    channel.flush();
    expect(socket.sent).toEqual(['one', 'zwei ä', Buffer.from([1, 2]), Buffer.from([9])]);
    expect(last.isSuccess).toBe(true);
    await expect(Promise.resolve(channel.writeAndFlush(5 as never))).rejects.toThrow(
      'strings, TextMessages and bytes',
    );
  });

  it('waits while the browser buffers much, and goes on when it has sent it', async () => {
    const channel = await connected();
    socket.bufferedAmount = 100_000;
    const first = channel.writeAndFlush('one');
    const second = channel.writeAndFlush('two');
    expect([first.isSuccess, second.isSuccess, socket.sent]).toEqual([false, false, ['one']]);
    clock.advance(100);
    expect(socket.sent).toEqual(['one']);
    socket.bufferedAmount = 1000;
    clock.advance(100);
    expect([first.isSuccess, second.isSuccess, socket.sent]).toEqual([true, true, ['one', 'two']]);
  });

  it('keeps what comes while reads are held, in order, and passes it on in a turn of its own', async () => {
    const channel = await connected();
    const hold = channel.holdReads('test');
    socket.receive('one');
    socket.receive(bytes('two'));
    expect(notes.all).toEqual([]);
    hold.release();
    expect(notes.all).toEqual([]);
    await settle(clock);
    socket.receive('three');
    expect(notes.all).toEqual(['one', Buffer.from('two'), '|', 'three', '|']);
  });

  it('fails when more waits than a page should keep', async () => {
    const channel = await connected();
    channel.holdReads('test');
    for (let i = 0; i < 17_000; i++) socket.receive('x'.repeat(1000));
    await settle(clock);
    expect(channel.closeInfo?.error).toMatchObject({ code: 'HR_ERR_REJECTED_QUEUE' });
  });

  it('refuses a message that is longer than the limit, with a code that a page may send', async () => {
    const channel = await connected();
    socket.receive('ä'.repeat(501));
    await settle(clock);
    expect(channel.closeInfo).toMatchObject({ reason: 'bad-input' });
    expect(socket.closes).toEqual([[4009, 'bad-input']]);
    expect(notes.all).not.toContain('ä'.repeat(501));
  });

  it('closes with 1000, and reports the end when the server has answered', async () => {
    const channel = await connected();
    channel.close();
    await settle(clock);
    expect(socket.closes).toEqual([[1000, 'local']]);
    socket.end({ code: 1000, reason: 'local' });
    await settle(clock);
    expect(channel.closeInfo).toMatchObject({ reason: 'local', by: 'local' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('does not wait longer than two seconds for the answer', async () => {
    const channel = await connected();
    void channel.end();
    await settle(clock);
    expect(notes.all).not.toContain('inactive');
    clock.advance(2001);
    await settle(clock);
    expect(notes.all).toContain('inactive');
    expect(channel.isOpen).toBe(false);
    expect(socket.onmessage).toBeNull();
  });

  it('delivers what was read before the server closed, then its code', async () => {
    const channel = await connected();
    const hold = channel.holdReads('test');
    socket.receive('last words');
    socket.end({ code: 4001, reason: 'bye' });
    await settle(clock);
    hold.release();
    await settle(clock);
    expect(notes.all).toEqual(['last words', '|', 'inactive']);
    expect(channel.attributes.get(WEB_SOCKET_CLOSE)).toEqual({ code: 4001, reason: 'bye' });
    expect(channel.closeInfo).toMatchObject({ reason: 'peer', by: 'peer' });
  });

  it.each([
    ['closes', 1000, { reason: 'peer', by: 'peer' }],
    ['is cut off', 1006, { reason: 'reset', by: 'peer' }],
  ])(
    'delivers by turns what it keeps when the connection %s, and the end after it',
    async (_name, code, info) => {
      const channel = await connected();
      channel.holdReads('test');
      const texts = Array.from({ length: 100 }, (_, i) => `message ${i}`);
      for (const text of texts) socket.receive(text);
      const read = (): unknown[] => notes.all.filter((note) => texts.includes(note as string));
      notes.act = () => clock.advanceQuietly(5);
      socket.end({ code, reason: '' });
      expect(read().length).toBeLessThan(20);
      await settle(clock);
      expect(read()).toEqual(texts);
      expect(notes.all.at(-1)).toBe('inactive');
      expect(channel.attributes.get(WEB_SOCKET_CLOSE)).toMatchObject({ code });
      expect(channel.closeInfo).toMatchObject(info);
    },
  );

  it('drops what it keeps when it is closed between the turns, and starts no wait for an answer', async () => {
    const channel = await connected();
    channel.holdReads('test');
    for (let i = 0; i < 100; i++) socket.receive(`message ${i}`);
    notes.act = () => clock.advanceQuietly(5);
    socket.end({ code: 1000, reason: '' });
    channel.close();
    const { length } = notes.all;
    await settle(clock);
    expect(notes.all.slice(length)).toEqual(['inactive']);
    expect([socket.closes, clock.pendingTimers]).toEqual([[], 0]);
  });

  it('is reset when the connection ends without a close frame', async () => {
    const channel = await connected();
    socket.end({ code: 1006, reason: '' });
    await settle(clock);
    expect(channel.closeInfo).toMatchObject({ reason: 'reset', by: 'peer' });
  });

  it('says what may be wrong when there is no connection', async () => {
    const channel = connecting();
    socket.end({ code: 1006, reason: '' });
    await expect(channel).rejects.toMatchObject({
      code: 'HR_ERR_CHANNEL_REFUSED',
      message: expect.stringContaining('browsers do not say why'),
    });
  });

  it('fails when the page may not open this URL', async () => {
    const channel = connecting({
      dial: () => {
        throw new Error('an insecure WebSocket from a page loaded over HTTPS');
      },
    });
    await settle(clock);
    await expect(channel).rejects.toThrow('an insecure WebSocket');
  });

  it('has the subprotocol that the server chose, and refuses a server that chooses none', async () => {
    const channel = connecting({ subprotocols: ['a', 'b'] });
    socket.open('b');
    await settle(clock);
    expect((await channel).isActive).toBe(true);
    socket = new FakeSocket();
    notes = new Notes();
    const refused = connecting({ subprotocols: ['a', 'b'] });
    socket.open();
    await settle(clock);
    await expect(refused).rejects.toThrow('none of the subprotocols a, b');
    expect(socket.closes).toEqual([[]]);
  });

  it('is aborted at once', async () => {
    const channel = await connected();
    channel.abort();
    await settle(clock);
    expect(notes.all).toEqual(['inactive']);
    expect(socket.closes).toEqual([[]]);
    expect(clock.pendingTimers).toBe(0);
  });
});
