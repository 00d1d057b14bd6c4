import { httpAddresses } from '@headrace/client';
import { TlsClientContext } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

const URL_TEXT = 'http://route.example/route?count=3&secret=x';
const NODES =
  '{"ttlMs":5000,"nodes":[{"host":"a","port":1,"connections":7},{"host":"b","port":2}]}';

function service(...answers: (() => Response | Promise<Response>)[]) {
  const clock = new VirtualClock();
  let asked = 0;
  const read = httpAddresses(URL_TEXT, {
    clock,
    maxBytes: 200,
    fetch: () => {
      const answer = answers[Math.min(asked, answers.length - 1)]!;
      asked += 1;
      return Promise.resolve().then(answer);
    },
  });
  const { signal } = new AbortController();
  return {
    clock,
    asked: () => asked,
    read: async (haveFailed = false) => read({ signal, haveFailed }),
  };
}
const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no failure',
    (error: Error & { code?: string }) => `${error.code} ${error.message}`,
  );

describe('httpAddresses', () => {
  it('reads hosts and ports in the order of the service, and nothing else', async () => {
    const { read } = service(() => new Response(NODES));
    expect(await read()).toEqual([
      { host: 'a', port: 1 },
      { host: 'b', port: 2 },
    ]);
  });

  it('reads a body that is not an async iterable, as in Safari', async () => {
    const cut = () => {
      const { status, body } = new Response(NODES);
      return { status, body: { getReader: () => body!.getReader() } } as Response;
    };
    expect(await service(cut).read()).toHaveLength(2);
  });

  it('asks again only when the time of the answer is over, and once for all who wait', async () => {
    const { read, asked, clock } = service(() => new Response(NODES));
    await Promise.all([read(), read()]);
    clock.advance(4999);
    await read();
    expect(asked()).toBe(1);
    clock.advance(1);
    await read();
    expect(asked()).toBe(2);
  });

  it('asks again for a client whose nodes have failed, at most once in a second', async () => {
    const { read, asked, clock } = service(() => new Response(NODES));
    const failed = () => read(true);
    await read();
    await failed();
    clock.advance(999);
    await failed();
    expect(asked()).toBe(1);
    clock.advance(1);
    await read();
    expect(asked()).toBe(1);
    await Promise.all([failed(), failed()]);
    expect(asked()).toBe(2);
    await Promise.all([failed(), read()]);
    expect(asked()).toBe(2);
  });

  it('names the fault of an invalid answer, without the query', async () => {
    const bad: [string, string][] = [
      [
        '<html>',
        'MESSAGE_INVALID the answer of http://route.example/route?… is not valid: it is not JSON',
      ],
      ['{}', 'it has no list "nodes"'],
      ['null', 'it has no list "nodes"'],
      ['{"nodes":[]}', 'it has no list "nodes"'],
      ['{"nodes":[null]}', 'not a node with host and port: null'],
      ['{"nodes":[{"host":"a","port":0}]}', 'not a node with host and port'],
      ['{"nodes":[{"host":5,"port":1}]}', 'not a node with host and port'],
      [
        'x'.repeat(201),
        'FRAME_TOO_LONG http://route.example/route?… answered with more than maxBytes (200)',
      ],
    ];
    for (const [body, text] of bad) {
      expect(await failure(service(() => new Response(body)).read())).toContain(text);
    }
  });

  it('sends the user and the password of the URL as a header, unless the headers have one', async () => {
    const asked: [string, string | null][] = [];
    const { signal } = new AbortController();
    for (const headers of [{}, { authorization: 'Bearer key' }]) {
      const read = httpAddresses('http://ann:se%25cret@route.example/route', {
        headers,
        fetch: (url, init) => {
          asked.push([String(url), new Headers(init?.headers).get('authorization')]);
          return Promise.resolve(new Response(NODES));
        },
      });
      await read({ signal });
    }
    const basic = `Basic ${Buffer.from('ann:se%cret').toString('base64')}`;
    const url = 'http://route.example/route';
    expect(asked).toEqual([
      [url, basic],
      [url, 'Bearer key'],
    ]);
  });

  it.each([
    ['ftp://ann:secret@host/route?key=secret', 'url is ftp://host/route?…, but must be'],
    ['ann:secret@host', 'url is ann:host, but must be'],
    ['http://ann:se/cret@host', 'url is …, but must be'],
    ['http://ann:%zz@host', 'has a % that two hexadecimal digits do not follow'],
  ])('refuses %s without its secrets', (url, text) => {
    expect(() => httpAddresses(url)).toThrow(text);
  });

  it('keeps what a status asks for', async () => {
    const busy = { status: 503, headers: { 'Retry-After': '7' } };
    const { read } = service(() => new Response('busy', busy));
    await expect(read()).rejects.toMatchObject({ details: { status: 503, retryAfterMs: 7000 } });
  });

  it('reports a status, and a service that cannot be reached, and asks again', async () => {
    const { read } = service(
      () => new Response('busy', { status: 503 }),
      () => Promise.reject(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') })),
      () =>
        new Response(
          new ReadableStream({
            pull: (stream) =>
              stream.error(new TypeError('terminated', { cause: new Error('other side closed') })),
          }),
        ),
      () => new Response(NODES),
    );
    expect(await failure(read())).toContain(
      'CHANNEL_FAILED http://route.example/route?… gives no route: it answered with status 503',
    );
    expect(await failure(read())).toContain('ECONNREFUSED');
    expect(await failure(read())).toContain(
      'CHANNEL_FAILED http://route.example/route?… gives no route: other side closed',
    );
    expect(await read()).toHaveLength(2);
  });

  it('gives up after its time, even when the answer begins and does not end', async () => {
    const endless = new ReadableStream({ start: (stream) => stream.enqueue(Buffer.from('{')) });
    for (const answer of [() => new Promise<never>(() => {}), () => new Response(endless)]) {
      const { read, clock } = service(answer);
      const reading = failure(read());
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(5000);
      expect(await reading).toContain(
        'TIMEOUT_REQUEST no answer from http://route.example/route?… within 5000 ms',
      );
      expect(clock.pendingTimers).toBe(0);
    }
  });

  it('a caller that aborts waits no longer', async () => {
    const read = httpAddresses(URL_TEXT, {
      clock: new VirtualClock(),
      fetch: () => new Promise(() => {}),
    });
    const abort = new AbortController();
    const reading = failure(Promise.resolve(read({ signal: abort.signal })));
    abort.abort(new Error('enough'));
    expect(await reading).toContain('enough');
  });

  it('its nodes are encrypted as its option says, or as the place in use', async () => {
    const answer = { fetch: () => Promise.resolve(new Response(NODES)) };
    const { signal } = new AbortController();
    const tls = { servername: 'chat.example' };
    expect(await httpAddresses(URL_TEXT, { ...answer, tls })({ signal })).toEqual([
      { host: 'a', port: 1, tls },
      { host: 'b', port: 2, tls },
    ]);
    const inUse = { host: 'chat.example', port: 1, tls: { ca: 'x' } };
    expect(await httpAddresses(URL_TEXT, answer)({ signal, inUse })).toEqual([
      { host: 'a', port: 1, tls: { ca: 'x', ...tls } },
      { host: 'b', port: 2, tls: { ca: 'x', ...tls } },
    ]);
  });

  it('an http URL cannot choose the name of the certificate, an https URL can', () => {
    expect(() => httpAddresses(URL_TEXT, { tls: { ca: 'x' } })).toThrow(
      'tls.servername is missing: the answer of an http: URL',
    );
    httpAddresses(URL_TEXT, { tls: { rejectUnauthorized: false } });
    httpAddresses(URL_TEXT, { tls: new TlsClientContext({ servername: 'a' }) });
    httpAddresses('https://route.example/', { tls: {} });
  });

  it('an https URL follows no redirect', async () => {
    const modes: unknown[] = [];
    const read = (url: string) => {
      const { signal } = new AbortController();
      const ask = httpAddresses(url, {
        fetch: (_url, init) => {
          modes.push(init?.redirect);
          return Promise.resolve(new Response('', { status: 302 }));
        },
      });
      return failure(Promise.resolve(ask({ signal })));
    };
    expect(await read('https://route.example/')).toContain('it answered with status 302');
    await read('http://route.example/');
    expect(modes).toEqual(['manual', 'follow']);
  });

  it('refuses an address that is not an http URL', () => {
    expect(() => httpAddresses('route.example')).toThrow('url is route.example');
    expect(() => httpAddresses('ftp://route.example')).toThrow('must be an http: or https: URL');
    expect(() => httpAddresses(URL_TEXT, { maxByte: 1 } as never)).toThrow('has no option maxByte');
  });
});
