// The rules of a session at its server, without a network.
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { MemoryTransport, type TransportSink } from '@headrace/core';
import { EmbeddedChannel, settle, type VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { TunnelSession } from '../../src/server/tunnel-session.ts';

/** An answer of Node's server. */
class FakeResponse extends EventEmitter {
  headersSent = false;
  destroyed = false;
  writableLength = 0;
  status = 0;
  text = '';
  isEnded = false;
  private readonly waiting: (() => void)[] = [];

  writeHead(status: number): this {
    this.status = status;
    this.headersSent = true;
    return this;
  }
  write(text: string, _encoding?: string, done?: () => void): boolean {
    this.text += text;
    if (done !== undefined) this.waiting.push(done);
    return true;
  }
  end(text = ''): this {
    this.text += text;
    this.isEnded = true;
    return this;
  }
  /** The network has taken what was written. */
  taken(): void {
    for (const done of this.waiting.splice(0)) done();
  }
}

describe('a session of a tunnel', () => {
  let clock: VirtualClock;
  let connection: EmbeddedChannel;
  let stream: FakeResponse;
  let session: TunnelSession;
  let transport: MemoryTransport;
  let notes: string[];
  let ended: number;

  beforeEach(() => {
    connection = new EmbeddedChannel();
    clock = connection.clock as VirtualClock;
    stream = new FakeResponse();
    notes = [];
    ended = 0;
    session = new TunnelSession({
      response: stream as unknown as ServerResponse,
      connection,
      keepAliveMs: 15_000,
      ended: () => {
        ended += 1;
      },
    });
    transport = MemoryTransport.over(clock, session);
    transport.open({
      received: (bytes: Buffer) => notes.push(String(bytes)),
      readComplete: () => notes.push('|'),
      inputEnded: () => notes.push('end'),
      outputEnded: () => notes.push('output ended'),
      written: () => notes.push('written'),
      failed: (error: Error) => notes.push(error.message),
      disconnected: () => notes.push('disconnected'),
    } as unknown as TransportSink);
  });

  function post(number: number, text: string, isLast = false): FakeResponse {
    const response = new FakeResponse();
    const request = { session: Buffer.alloc(24), number, isLast, bytes: Buffer.from(text) };
    session.receive(request, response as unknown as ServerResponse);
    return response;
  }

  it('takes a numbered request once, and answers a repetition', async () => {
    transport.requestRead();
    expect(post(1, 'one').status).toBe(204);
    await settle(clock);
    transport.requestRead();
    expect(post(1, 'one').status).toBe(204);
    expect(post(0, '').status).toBe(204);
    expect(post(2, 'two').status).toBe(204);
    await settle(clock);
    expect(notes).toEqual(['one', '|', 'two', '|']);
  });

  it('lets the second request wait while the channel reads nothing', async () => {
    expect(post(1, 'one').status).toBe(204);
    const second = post(2, 'two');
    expect(second.status).toBe(0);
    transport.requestRead();
    await settle(clock);
    expect(second.status).toBe(204);
    expect(notes).toEqual(['onetwo', '|']);
  });

  it('answers a request that waits long, so that no proxy cuts it, and answers when it is asked again', async () => {
    post(1, 'one');
    const second = post(2, 'two');
    clock.advance(15_000);
    expect(second.status).toBe(202);
    const again = post(2, '');
    expect(again.status).toBe(0);
    const third = post(2, '');
    expect([again.status, third.status]).toEqual([202, 0]);
    transport.requestRead();
    await settle(clock);
    expect(third.status).toBe(204);
    expect(notes).toEqual(['onetwo', '|']);
  });

  it('ends for a request that leaves a number out, or does not wait for its answer', async () => {
    expect(post(2, 'two').status).toBe(409);
    await settle(clock);
    expect(notes[0]).toContain('ECONNRESET');
    expect([transport.isActive, ended]).toEqual([false, 1]);
  });

  it('ends for a request behind the last one, whose repetition it answers', async () => {
    transport.requestRead();
    expect(post(1, 'one', true).status).toBe(204);
    await settle(clock);
    expect(post(1, 'one', true).status).toBe(204);
    expect(post(2, 'late').status).toBe(409);
    await settle(clock);
    const reset = expect.stringContaining('ECONNRESET');
    expect(notes).toEqual(['one', '|', reset, 'disconnected']);
    expect([transport.isActive, ended]).toEqual([false, 1]);
  });

  it('keeps the bytes of two requests, not of a third that did not wait', async () => {
    post(1, 'one');
    const second = post(2, 'two');
    expect(post(3, 'three').status).toBe(409);
    transport.requestRead();
    await settle(clock);
    transport.requestRead();
    await settle(clock);
    expect([second.status, transport.isActive, notes[0]]).toEqual([404, false, 'onetwo']);
  });

  it('writes events, and more than 64 KiB when the network has taken them', async () => {
    expect(transport.write([Buffer.from('hello'), Buffer.from('!')], 6)).toBe(true);
    expect(stream.text).toBe('data: aGVsbG8h\n\n');
    expect(transport.write([Buffer.alloc(64 * 1024)], 64 * 1024)).toBe(false);
    expect([notes, transport.unsentBytes]).toEqual([[], 6]);
    stream.taken();
    await settle(clock);
    expect([notes, transport.unsentBytes]).toEqual([['written'], 0]);
  });

  it('sends what it has taken, and no end, before a close that cuts the output', async () => {
    transport.write([Buffer.from('taken')], 5);
    transport.write([Buffer.alloc(128 * 1024)], 128 * 1024);
    transport.close();
    await settle(clock);
    expect([stream.isEnded, stream.text.includes('event: end')]).toEqual([true, false]);
    expect(stream.text).toContain(Buffer.from('taken').toString('base64'));
    expect([connection.isOpen, ended]).toEqual([true, 1]);
  });

  it('is reset when it writes to a client that left in order', async () => {
    post(1, '', true);
    stream.emit('close');
    expect(transport.write([Buffer.from('late')], 4)).toBe(false);
    await settle(clock);
    expect(notes).toEqual([expect.stringContaining('the client has gone'), 'disconnected']);
    expect(ended).toBe(1);
  });

  it('sends a comment after a time without output, but not to a client that reads nothing', () => {
    clock.advance(15_000);
    expect(stream.text).toBe(':\n\n');
    transport.write([Buffer.from('x')], 1);
    stream.taken();
    clock.advance(7500);
    expect(stream.text).toBe(':\n\ndata: eA==\n\n');
    stream.writableLength = 100;
    clock.advance(60_000);
    expect(stream.text).toBe(':\n\ndata: eA==\n\n');
  });

  it('is reset when its answer is cut, after what waits to be read', async () => {
    post(1, 'one');
    const second = post(2, 'two');
    stream.emit('close');
    await settle(clock);
    expect([notes, transport.detectFailure()?.message]).toEqual([
      [],
      expect.stringContaining('ECONNRESET'),
    ]);
    transport.requestRead();
    await settle(clock);
    transport.requestRead();
    await settle(clock);
    expect(notes).toEqual(['onetwo', '|', expect.stringContaining('ECONNRESET'), 'disconnected']);
    expect([second.status, ended, clock.pendingTimers]).toEqual([404, 1, 0]);
  });

  it('reads what came before the end of a client that left in order', async () => {
    post(1, 'last words');
    post(2, '', true);
    stream.emit('close');
    transport.requestRead();
    await settle(clock);
    transport.requestRead();
    await settle(clock);
    expect(notes).toEqual(['last words', '|', 'end']);
  });

  it('says that it ends, once, and closes its answer', async () => {
    transport.shutdownOutput();
    await settle(clock);
    transport.close();
    await settle(clock);
    expect(stream.text).toBe('event: end\ndata: \n\n');
    expect([stream.isEnded, notes]).toEqual([true, ['output ended', 'disconnected']]);
    expect(clock.pendingTimers).toBe(0);
  });
});
