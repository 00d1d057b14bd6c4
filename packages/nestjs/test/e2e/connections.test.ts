import { fixed } from '@headrace/client';
import { type Channel, DrainEvent, type HeadraceError, isHeadraceError } from '@headrace/core';
import {
  HeadraceContext,
  HeadraceRecord,
  HeadraceServer,
  type HeadraceStatus,
} from '@headrace/nestjs';
import { Controller, Logger } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { concat, finalize, NEVER, type Observable, of } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TimedApp } from '../timed-app.ts';
import { SumService } from './sum-service.ts';

/** What became of requests and events. */
interface Seen {
  values: unknown[];
  error: HeadraceError | undefined;
  isComplete: boolean;
}

function watch(answers: Observable<unknown>): Seen & { unsubscribe(): void } {
  const seen: Seen = { values: [], error: undefined, isComplete: false };
  const subscription = answers.subscribe({
    next: (value) => seen.values.push(value),
    error: (error) => {
      seen.error = error;
    },
    complete: () => {
      seen.isComplete = true;
    },
  });
  return Object.assign(seen, { unsubscribe: () => subscription.unsubscribe() });
}

let running = 0;
let aborted = 0;
let finish: (() => void)[] = [];

@Controller()
class SlowService {
  @MessagePattern('slow')
  slow(@Payload() data: unknown, @Ctx() context: HeadraceContext): Promise<unknown> {
    running += 1;
    context.getSignal().addEventListener('abort', () => {
      aborted += 1;
    });
    return new Promise((resolve) => {
      finish.push(() => {
        running -= 1;
        resolve(data);
      });
    });
  }

  @MessagePattern('stream')
  stream(): Observable<number> {
    running += 1;
    return concat(of(1), NEVER).pipe(
      finalize(() => {
        running -= 1;
      }),
    );
  }

  @EventPattern('slow event')
  event(): Promise<unknown> {
    return this.slow(0, { getSignal: () => new AbortController().signal } as HeadraceContext);
  }
}

let app: TimedApp;
beforeEach(() => {
  running = 0;
  aborted = 0;
  finish = [];
});
afterEach(async () => {
  for (const done of finish) done();
  await app.end();
});

const connections = (): Channel[] => [...app.nest.server.unwrap().connections];

describe('time', () => {
  it('ends a request that has no answer, and cancels it at the server', async () => {
    app = await TimedApp.start([SlowService]);
    const seen = watch(app.client({ timeoutMs: 500 }).send('slow', 1));
    await app.pass(499);
    expect(seen.error).toBeUndefined();
    await app.pass(2);
    expect(isHeadraceError(seen.error, 'TIMEOUT_REQUEST')).toBe(true);
    expect(seen.error?.details['sent']).toBe(true);
    expect(aborted).toBe(1);
  });

  it('is what the record of the request says', async () => {
    app = await TimedApp.start([SlowService]);
    const client = app.client();
    const short = watch(client.send('slow', new HeadraceRecord(1, { timeoutMs: 20 })));
    const endless = watch(client.send('slow', new HeadraceRecord(1, { timeoutMs: false })));
    await app.pass(60_000);
    expect(short.error?.details['timeoutMs']).toBe(20);
    expect(endless.error).toBeUndefined();
    endless.unsubscribe();
  });

  it('between answers has no limit unless one is set', async () => {
    app = await TimedApp.start([SlowService]);
    const client = app.client();
    const patient = watch(client.send('stream', 0));
    const hasty = watch(client.send('stream', new HeadraceRecord(0, { gapTimeoutMs: 5000 })));
    await app.pass(60_000);
    expect([patient.values, patient.error]).toEqual([[1], undefined]);
    expect(hasty.values).toEqual([1]);
    expect(isHeadraceError(hasty.error, 'TIMEOUT_REQUEST')).toBe(true);
    expect(running).toBe(1);
    patient.unsubscribe();
  });
});

describe('a caller that unsubscribes', () => {
  it('ends the Observable at the server', async () => {
    app = await TimedApp.start([SlowService]);
    const seen = watch(app.client().send('stream', 0));
    await app.pass(10);
    expect([seen.values, running]).toEqual([[1], 1]);
    seen.unsubscribe();
    await app.pass(10);
    expect(running).toBe(0);
  });

  it('aborts the signal of the handler, and what it answers later is dropped', async () => {
    app = await TimedApp.start([SlowService]);
    const client = app.client();
    const seen = watch(client.send('slow', 7));
    await app.pass(10);
    seen.unsubscribe();
    await app.pass(10);
    expect(aborted).toBe(1);
    for (const done of finish) done();
    const next = watch(client.send('slow', 8));
    await app.pass(10);
    for (const done of finish) done();
    await app.pass(10);
    expect([seen.values, next.values]).toEqual([[], [8]]);
  });

  it('before there is a connection asks nothing', async () => {
    app = await TimedApp.start([SlowService]);
    const client = app.client();
    const seen = watch(client.send('slow', 7));
    expect(client.queued).toBe(1);
    seen.unsubscribe();
    expect(client.queued).toBe(0);
    await app.pass(100);
    expect(running).toBe(0);
  });
});

describe('a connection that is lost', () => {
  it('fails what was sent, and what comes later goes over the next one', async () => {
    app = await TimedApp.start([SlowService, SumService]);
    const client = app.client({ retry: fixed(1000) });
    const lost = watch(client.send('slow', 1));
    await app.pass(10);
    for (const channel of connections()) channel.abort();
    await app.pass(10);
    expect(isHeadraceError(lost.error, 'REQUEST_LOST')).toBe(true);
    expect(lost.error?.details['sent']).toBe(true);
    const next = watch(client.send('sum', [1, 2]));
    const event = watch(client.emit('noted', 1));
    await app.pass(100);
    expect(next.values).toEqual([]);
    await app.pass(3000);
    expect([next.values, next.isComplete, event.isComplete]).toEqual([[3], true, true]);
  });

  it('takes nothing with it that cannot have left: that goes over the next one by itself', async () => {
    app = await TimedApp.start([SumService]);
    const client = app.client({ retry: fixed(1000) });
    void client.connect();
    await app.pass(10);
    const request = watch(client.send('sum', [1, 2]));
    const event = watch(client.emit('noted', 1));
    client.unwrap()[0]?.channel?.abort();
    await app.pass(10);
    expect([request.error, event.error, client.queued]).toEqual([undefined, undefined, 2]);
    await app.pass(3000);
    expect([request.values, event.isComplete]).toEqual([[3], true]);
  });

  it('by close() fails what has no answer', async () => {
    app = await TimedApp.start([SumService]);
    const client = app.client();
    void client.connect();
    await app.pass(10);
    const channel = client.unwrap()[0]?.channel;
    const request = watch(client.send('sum', [1, 2]));
    client.unwrap()[0]?.on('state', () => channel?.abort());
    void client.close();
    await app.pass(10);
    expect(isHeadraceError(request.error, 'REQUEST_LOST')).toBe(true);
  });

  it('cancels at the server what came over it', async () => {
    app = await TimedApp.start([SlowService]);
    const client = app.client();
    watch(client.send('slow', 1));
    watch(client.send('stream', 1));
    await app.pass(10);
    expect(running).toBe(2);
    void client.close();
    await app.pass(10);
    expect([aborted, running]).toEqual([1, 1]);
  });

  it('logs a listener of its states that throws or rejects', async () => {
    app = await TimedApp.start([SumService]);
    const client = app.client({});
    const logged = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    client.on('state', () => {
      throw new Error('thrown');
    });
    client.on('state', (({ name }: { name: string }) => Promise.reject(new Error(name))) as never);
    void client.connect();
    await app.pass(10);
    const errors = logged.mock.calls.map(([error]) => (error as unknown as Error).message);
    logged.mockRestore();
    expect(errors).toEqual(expect.arrayContaining(['thrown', 'connecting', 'online']));
  });

  it('is told by status, at both ends', async () => {
    app = await TimedApp.start([SumService]);
    const client = app.client({ retry: fixed(1000) });
    const statuses: HeadraceStatus[] = [];
    client.status.subscribe((status) => statuses.push(status));
    const states: string[] = [];
    client.on('state', ({ name }) => states.push(name));
    void client.connect();
    await app.pass(10);
    for (const channel of connections()) channel.abort();
    await app.pass(3000);
    expect(statuses).toEqual(['connected', 'reconnecting', 'connected']);
    void client.close();
    await app.pass(10);
    expect(statuses.at(-1)).toBe('disconnected');
    expect(states.at(-1)).toBe('closed');
    const ofServer: HeadraceStatus[] = [];
    app.nest.server.status.subscribe((status) => ofServer.push(status));
    expect(ofServer).toEqual(['connected']);
  });

  it('comes back after close() with the next packet', async () => {
    app = await TimedApp.start([SumService]);
    const client = app.client();
    const first = watch(client.send('sum', [1]));
    await app.pass(10);
    void client.close();
    await app.pass(10);
    const second = watch(client.send('sum', [2]));
    await app.pass(10);
    expect([first.values, second.values]).toEqual([[1], [2]]);
  });
});

describe('a client without a server', () => {
  const nowhere = (): Parameters<TimedApp['client']>[0] => ({
    servers: [{ network: app.nest.network, name: 'nobody' }],
  });

  it('lets requests, events and connect() wait, and fails them in time with the reason', async () => {
    app = await TimedApp.start([]);
    const client = app.client({ ...nowhere(), timeoutMs: 500 });
    const request = watch(client.send('sum', [1]));
    const event = watch(client.emit('noted', 1));
    const connecting = client.connect().catch((error: HeadraceError) => error);
    await app.pass(501);
    expect(isHeadraceError(request.error, 'TIMEOUT_REQUEST')).toBe(true);
    expect(request.error?.details['sent']).toBe(false);
    expect(isHeadraceError(request.error?.cause, 'CHANNEL_REFUSED')).toBe(true);
    expect(isHeadraceError(event.error, 'TIMEOUT_REQUEST')).toBe(true);
    const error = await connecting;
    expect(isHeadraceError(error, 'TIMEOUT_CONNECT')).toBe(true);
    expect((error as HeadraceError).message).toMatch(
      /^no connection within \d+ ms: nobody listens/,
    );
  });

  it('fails them at once where that is wanted', async () => {
    app = await TimedApp.start([]);
    const client = app.client({ ...nowhere(), whenOffline: 'fail', retry: fixed(1000) });
    const first = watch(client.send('sum', [1]));
    const connecting = client.connect().catch((error: HeadraceError) => error);
    await app.pass(1);
    expect(isHeadraceError(first.error, 'REQUEST_LOST')).toBe(true);
    expect(first.error?.details['sent']).toBe(false);
    expect(isHeadraceError(await connecting, 'CHANNEL_REFUSED')).toBe(true);
    const second = watch(client.send('sum', [1]));
    expect(isHeadraceError(second.error, 'REQUEST_LOST')).toBe(true);
    const again = await Promise.race([client.connect(), Promise.resolve()]).catch((e) => e);
    expect(isHeadraceError(again, 'CHANNEL_REFUSED')).toBe(true);
  });

  it('keeps no more packets than it may', async () => {
    app = await TimedApp.start([]);
    const client = app.client({ ...nowhere(), maxQueued: 2 });
    const seen = [1, 2, 3].map((n) => watch(client.send('sum', [n])));
    expect(client.queued).toBe(2);
    expect(isHeadraceError(seen[2]?.error, 'REJECTED_QUEUE')).toBe(true);
  });

  it('fails what waits when it is closed', async () => {
    app = await TimedApp.start([]);
    const client = app.client(nowhere());
    const request = watch(client.send('sum', [1]));
    await client.close();
    expect(isHeadraceError(request.error, 'REQUEST_LOST')).toBe(true);
  });
});

describe('requests beyond maxInFlight', () => {
  it('wait until others are answered', async () => {
    app = await TimedApp.start([SlowService]);
    const client = app.client({ maxInFlight: 2 });
    const seen = [1, 2, 3].map((n) => watch(client.send('slow', n)));
    await app.pass(10);
    expect([running, client.queued]).toEqual([2, 1]);
    finish.shift()?.();
    await app.pass(10);
    expect([running, client.queued]).toEqual([2, 0]);
    expect(seen[0]?.values).toEqual([1]);
  });

  it('go over further connections, if there are several', async () => {
    app = await TimedApp.start([SlowService]);
    const client = app.client({ maxInFlight: 1, connections: 2 });
    void client.connect();
    await app.pass(10);
    for (const n of [1, 2]) watch(client.send('slow', n));
    await app.pass(10);
    expect([running, connections().length]).toEqual([2, 2]);
  });
});

describe('heartbeats', () => {
  const cut = (channel: Channel): void => {
    channel.holdReads('the cable is cut');
  };

  it('of a client find a server that is gone, and the next connection is tried', async () => {
    app = await TimedApp.start([SlowService], { heartbeat: false });
    const heartbeat = { intervalMs: 1000, timeoutMs: 1000, maxMissed: 2 };
    const client = app.client({ heartbeat });
    const request = watch(client.send('slow', 1));
    await app.pass(10);
    cut(connections()[0]!);
    await app.pass(4000);
    expect(isHeadraceError(request.error, 'REQUEST_LOST')).toBe(true);
    expect(client.unwrap()[0]?.state.name).not.toBe('closed');
  });

  it('of a server find a client that is gone', async () => {
    const heartbeat = { intervalMs: 1000, timeoutMs: 1000, maxMissed: 2 };
    app = await TimedApp.start([SlowService], { heartbeat });
    const client = app.client({ heartbeat: false });
    void client.connect();
    await app.pass(10);
    const [channel] = connections();
    cut(client.unwrap()[0]?.channel as Channel);
    await app.pass(4000);
    expect(channel?.closeInfo?.reason).toBe('heartbeat');
  });

  it('both ways keep a quiet connection for an hour', async () => {
    const heartbeat = { intervalMs: 1000, timeoutMs: 1000, maxMissed: 2 };
    app = await TimedApp.start([SlowService], { heartbeat });
    const client = app.client({ heartbeat });
    void client.connect();
    await app.pass(10);
    const [channel] = connections();
    await app.pass(600_000);
    expect(channel?.isActive).toBe(true);
  });

  it('are not packets: a connection without one for idleMs is ended', async () => {
    const heartbeat = { intervalMs: 1000, timeoutMs: 1000, maxMissed: 2 };
    app = await TimedApp.start([SumService], { heartbeat, idleMs: 30_000 });
    const client = app.client({ heartbeat });
    watch(client.send('sum', [1]));
    await app.pass(10);
    const [channel] = connections();
    await app.pass(29_900);
    expect(channel?.isActive).toBe(true);
    await app.pass(200);
    expect(channel?.closeInfo?.reason).toBe('idle');
  });
});

describe('a sign-in', () => {
  it('that is refused fails what waits, and is tried again', async () => {
    let isOpen = false;
    app = await TimedApp.start([SumService], {
      authenticate: () => (isOpen ? { principal: 'ann' } : { refused: 'closed today' }),
    });
    const client = app.client({ credentials: 'x', retry: fixed(1000) });
    const first = watch(client.send('sum', [1]));
    await app.pass(10);
    expect(isHeadraceError(first.error, 'REQUEST_LOST')).toBe(true);
    expect(isHeadraceError(first.error?.cause, 'REJECTED_AUTH')).toBe(true);
    isOpen = true;
    const second = watch(client.send('sum', [1, 1]));
    await app.pass(3000);
    expect(second.values).toEqual([2]);
  });

  it('is needed where the server wants one: without it nothing is worked on', async () => {
    SumService.noted = [];
    app = await TimedApp.start([SumService], { authenticate: () => ({ principal: 'x' }) });
    const client = app.client();
    client.emit('noted', 'secret');
    const request = watch(client.send('sum', [1]));
    await app.pass(10);
    expect(isHeadraceError(request.error, 'REQUEST_LOST')).toBe(true);
    expect(SumService.noted).toEqual([]);
  });

  it('takes no longer than it may', async () => {
    app = await TimedApp.start([SumService], {
      authenticate: () => ({ principal: 'x' }),
      authTimeoutMs: 5000,
    });
    const client = app.client();
    void client.connect();
    await app.pass(10);
    const [channel] = connections();
    await app.pass(5000);
    expect(channel?.closeInfo?.reason).toBe('timeout');
  });
});

describe('app.close()', () => {
  it('waits for requests and events under way, and takes no new connection', async () => {
    app = await TimedApp.start([SlowService]);
    const client = app.client();
    const request = watch(client.send('slow', 5));
    const event = watch(client.emit('slow event', 0));
    await app.pass(10);
    let isClosed = false;
    void app.nest.app.close().then(() => {
      isClosed = true;
    });
    await app.pass(2000);
    const late = watch(client.send('slow', 6));
    await app.pass(10);
    expect([isClosed, event.isComplete, running, late.error]).toEqual([false, true, 2, undefined]);
    for (const done of finish) done();
    await app.pass(2000);
    expect([request.values, isClosed]).toEqual([[5], true]);
    expect(late.values).toEqual([]);
  });

  it('sends new requests to another server while one is under way', async () => {
    app = await TimedApp.start([SlowService]);
    const { network } = app.nest;
    const second = await TimedApp.start([SumService], { bind: { network, name: 'second' } });
    const servers = ['app', 'second'].map((name) => ({ network, name }));
    const client = app.client({ servers, order: 'given', clock: app.clock });
    const request = watch(client.send('slow', 5));
    await app.pass(10);
    void app.nest.app.close();
    await app.pass(10);
    const next = watch(client.send('sum', [1, 2]));
    for (let i = 0; i < 10; i++) {
      await app.pass(50);
      await second.pass(50);
    }
    expect([request.values, next.values]).toEqual([[], [3]]);
    for (const done of finish) done();
    await app.pass(2000);
    expect(request.values).toEqual([5]);
    void client.close();
    await second.end();
  });

  it('is not announced to the client of a connection that is to rest only', async () => {
    app = await TimedApp.start([SlowService]);
    const client = app.client();
    const request = watch(client.send('slow', 5));
    await app.pass(10);
    const event = new DrainEvent(1000, () => {});
    connections()[0]!.pipeline.fireUserEventTriggered(event);
    await app.pass(10);
    const late = watch(client.send('slow', 6));
    await app.pass(10);
    expect([running, connections().length]).toEqual([2, 1]);
    for (const done of finish) done();
    await app.pass(10);
    expect([request.values, late.values, event.holds]).toEqual([[5], [6], []]);
  });

  it('waits no longer than drainTimeoutMs', async () => {
    app = await TimedApp.start([SlowService], { drainTimeoutMs: 1000 });
    const request = watch(app.client().send('slow', 5));
    await app.pass(10);
    let isClosed = false;
    void app.nest.app.close().then(() => {
      isClosed = true;
    });
    await app.pass(900);
    expect(isClosed).toBe(false);
    await app.pass(5000);
    expect(isClosed).toBe(true);
    expect(isHeadraceError(request.error, 'REQUEST_LOST')).toBe(true);
  });

  it('sends the clients to another server, if they know one', async () => {
    app = await TimedApp.start([SlowService]);
    const { network } = app.nest;
    const second = await TimedApp.start([SumService], { bind: { network, name: 'second' } });
    const servers = ['app', 'second'].map((name) => ({ network, name }));
    const client = app.client({ servers, order: 'given', clock: app.clock });
    const request = watch(client.send('slow', 5));
    await app.pass(10);
    void app.nest.app.close();
    await app.pass(10);
    for (const done of finish) done();
    const next = watch(client.send('sum', [1, 2]));
    for (let i = 0; i < 20; i++) {
      await app.pass(500);
      await second.pass(500);
    }
    expect([request.values, next.values]).toEqual([[5], [3]]);
    void client.close();
    await second.end();
  });
});

describe('listen', () => {
  it('rejects where the place is not available', async () => {
    app = await TimedApp.start([]);
    const again = new HeadraceServer({
      bind: { network: app.nest.network, name: 'app' },
      clock: app.clock,
    });
    const listening = new Promise((resolve) => again.listen(resolve));
    await app.pass(1);
    const error = await listening;
    expect(isHeadraceError(error, 'BIND_FAILED')).toBe(true);
    expect(() => again.unwrap()).toThrow(/not listening/);
    await again.close();
  });

  it('passes on the events of the server, whenever one listens', async () => {
    app = await TimedApp.start([SumService]);
    const ports: string[] = [];
    app.nest.server.on('connection', (channel) => ports.push(String(channel.isOpen)));
    void app.client().connect();
    await app.pass(10);
    expect(ports).toEqual(['true']);
  });
});
