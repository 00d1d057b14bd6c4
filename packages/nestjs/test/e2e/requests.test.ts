import { Buffer } from 'node:buffer';
import { MsgpackCodec } from '@headrace/codec/msgpack';
import { isHeadraceError } from '@headrace/core';
import { type HeadraceClient, HeadraceRecord } from '@headrace/nestjs';
import { firstValueFrom, forkJoin, lastValueFrom, type Observable, tap, toArray } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NestApp } from '../nest-app.ts';
import { settleReal } from '../settle-real.ts';
import { SecondListener, SumService } from './sum-service.ts';

let app: NestApp;
let client: HeadraceClient;

beforeEach(async () => {
  SumService.noted = [];
  SecondListener.noted = [];
  app = await NestApp.start([SumService, SecondListener]);
  client = app.client();
});
afterEach(() => app.end());

const ask = (pattern: unknown, data: unknown): Promise<unknown> =>
  firstValueFrom(client.send(pattern, data));
const failureOf = (answers: Observable<unknown>): Promise<unknown> =>
  lastValueFrom(answers).then(
    () => undefined,
    (error: unknown) => error,
  );

describe('requests', () => {
  it.each([
    'sum',
    { cmd: 'sum', nested: { b: 2, a: 1 } },
    { nested: { a: 1, b: 2 }, cmd: 'sum' },
    { cmd: 'async' },
    { cmd: 'observable' },
    { cmd: 'promise of observable' },
  ])('are answered for the pattern %j', async (pattern) => {
    expect(await ask(pattern, [1, 2, 3, 4, 5])).toBe(15);
  });

  it('get each value of an Observable, in order', async () => {
    const steps = client.send({ cmd: 'steps' }, [1, 2, 3]).pipe(toArray());
    expect(await lastValueFrom(steps)).toEqual([1, 3, 6]);
  });

  it('complete without a value for an Observable without one', async () => {
    const values = client.send({ cmd: 'void stream' }, 0).pipe(toArray());
    expect(await lastValueFrom(values)).toEqual([]);
  });

  it('keep apart what is asked at the same time', async () => {
    const asked = Array.from({ length: 600 }, (_, i) => client.send<number>('sum', [i, i]));
    const answers = await lastValueFrom(forkJoin(asked));
    expect(answers).toEqual(Array.from({ length: 600 }, (_, i) => 2 * i));
    expect(app.server.unwrap().connections.size).toBe(1);
  });

  it('are not sent before the first subscription, and once for each', async () => {
    const answers = client.send<number>('sum', [1]);
    await settleReal();
    expect(client.queued).toBe(0);
    expect(() => client.unwrap()).toThrow(/connect/);
    expect(await firstValueFrom(answers)).toBe(1);
    expect(await firstValueFrom(answers)).toBe(1);
  });

  it('without a pattern or without data fail as in Nest', async () => {
    const failures = await Promise.all([
      failureOf(client.send(undefined, 1)),
      failureOf(client.send('sum', null)),
      failureOf(client.emit(null, 1)),
    ]);
    for (const error of failures) expect(error).toBeInstanceOf(Error);
  });

  it('of a HeadraceRecord carry its data alone', async () => {
    const record = new HeadraceRecord([20, 3], { timeoutMs: 500 });
    expect(await ask('sum', record)).toBe(23);
  });
});

describe('errors', () => {
  it('of an unknown pattern are those of Nest', async () => {
    expect(await failureOf(client.send('unknown', 1))).toBe(
      'There is no matching message handler defined in the remote service.',
    );
  });

  it('that are an RpcException reach the caller', async () => {
    expect(await failureOf(client.send({ cmd: 'refuse' }, 'no'))).toEqual({
      status: 'error',
      message: 'no',
    });
    expect(await failureOf(client.send({ cmd: 'refuse' }, { code: 3 }))).toEqual({ code: 3 });
    expect(await failureOf(client.send({ cmd: 'refuse stream' }, 0))).toEqual({
      code: 7,
      message: 'seven',
    });
  });

  it('of any other kind keep their text at the server', async () => {
    expect(await failureOf(client.send({ cmd: 'break' }, 0))).toEqual({
      status: 'error',
      message: 'Internal server error',
    });
  });

  it('of data that cannot be encoded as JSON fail the call, and the connection stays', async () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(isHeadraceError(await failureOf(client.send('sum', cycle)), 'ENCODER_FAILED')).toBe(
      true,
    );
    expect(await ask('sum', [4])).toBe(4);
  });

  it('of an answer that cannot be encoded as JSON reach the caller, and the connection stays', async () => {
    const values: unknown[] = [];
    const answers = client.send({ cmd: 'cycle' }, 0).pipe(tap((value) => values.push(value)));
    expect(await failureOf(answers)).toEqual({
      status: 'error',
      message: 'the answer could not be encoded',
    });
    expect(values).toEqual([1]);
    expect(await ask('sum', [4])).toBe(4);
  });

  it('of data over the limit of a frame fail the call, and the connection stays', async () => {
    const error = await failureOf(client.send('sum', 'x'.repeat(1_048_576)));
    expect(isHeadraceError(error, 'MESSAGE_TOO_LONG')).toBe(true);
    expect(await ask('sum', [4])).toBe(4);
  });
});

describe('events', () => {
  it('reach every handler of their pattern', async () => {
    await lastValueFrom(client.emit('noted', 'a').pipe(toArray()));
    client.emit('noted', 'b');
    await settleReal();
    expect(SumService.noted).toEqual(['a', 'b']);
    expect(SecondListener.noted).toEqual(['a', 'b']);
  });

  it('without a handler do not close the connection', async () => {
    client.emit('unknown', 1);
    expect(await ask('sum', [4])).toBe(4);
  });

  it('keep their order with the requests around them', async () => {
    client.emit('noted', 1);
    const answer = ask('sum', [1]);
    client.emit('noted', 2);
    await answer;
    await settleReal();
    expect(SumService.noted).toEqual([1, 2]);
  });
});

describe('codecs', () => {
  it('of MessagePack carry Buffers as they are', async () => {
    const codec = () => new MsgpackCodec();
    const binary = await NestApp.start([SumService], { codec });
    const sent = Buffer.from([0, 255, 128]);
    const got = await firstValueFrom(
      binary.client({ codec }).send<{ picture: Uint8Array }>({ cmd: 'echo' }, { picture: sent }),
    );
    expect(got.picture).toBeInstanceOf(Uint8Array);
    expect(Buffer.from(got.picture)).toEqual(sent);
    await binary.end();
  });
});

describe('serializers of Nest', () => {
  it('stand between packets and the codec, at both ends, also with promises', async () => {
    const seal = { serialize: async (packet: unknown) => ({ sealed: packet }) };
    const open = { deserialize: async (message: { sealed: never }) => message.sealed };
    const sealed = await NestApp.start([SumService], { serializer: seal, deserializer: open });
    const sender = sealed.client({ serializer: seal, deserializer: open });
    const steps = sender.send({ cmd: 'steps' }, [1, 2, 3]).pipe(toArray());
    expect(await lastValueFrom(steps)).toEqual([1, 3, 6]);
    await sealed.end();
  });

  it('of a server that take longer for one packet than for the next keep their order', async () => {
    const started: unknown[] = [];
    const deserializer = {
      deserialize: async (message: { data: string }) => {
        await settleReal(message.data === 'slow' ? 30 : 0);
        started.push(message.data);
        return message;
      },
    };
    const slow = await NestApp.start([SumService], { deserializer });
    const sender = slow.client();
    const answered: unknown[] = [];
    const first = firstValueFrom(sender.send({ cmd: 'echo' }, 'slow')).then((v) =>
      answered.push(v),
    );
    const second = firstValueFrom(sender.send({ cmd: 'echo' }, 'fast')).then((v) =>
      answered.push(v),
    );
    await Promise.all([first, second]);
    expect(started).toEqual(['fast', 'slow']);
    expect(answered).toEqual(['slow', 'fast']);
    await slow.end();
  });

  it('that take longer for one answer than for the next keep their order', async () => {
    let turns = 30;
    const deserializer = {
      deserialize: async (message: never) => {
        turns -= 10;
        await settleReal(Math.max(0, turns));
        return message;
      },
    };
    const steps = app.client({ deserializer }).send({ cmd: 'steps' }, [1, 2, 3]);
    expect(await lastValueFrom(steps.pipe(toArray()))).toEqual([1, 3, 6]);
  });
});
