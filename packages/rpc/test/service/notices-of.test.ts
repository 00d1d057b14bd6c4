import { contentLengthPrefixed, JsonCodec, lengthPrefixed, textLines } from '@headrace/codec';
import { ChannelGroup, type Handler, isHeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  binaryExchange,
  call,
  defineService,
  ExchangeHandler,
  jsonRpcExchange,
  notice,
  noticesOf,
  serve,
} from '../../src/index.ts';

const players = defineService('players', {
  question: notice(z.object({ text: z.string().min(1), choices: z.array(z.string()) })),
  over: notice(z.object({ at: z.iso.datetime().transform((at) => new Date(at)) })),
  ready: call(z.object({}), z.boolean()),
});
const say = noticesOf(players);
const format = jsonRpcExchange();
const wire = () => [...contentLengthPrefixed({ maxFrameLength: 65_536 }), new JsonCodec()] as const;

/** A member of a room at the server, and what the functions of its client got. */
function member() {
  const got: unknown[] = [];
  const handle = serve(players, {
    question: (input) => void got.push(input),
    over: (input) => void got.push(input),
    ready: () => true,
  });
  const client = EmbeddedChannel.with({}, ...wire(), new ExchangeHandler({ format, handle }));
  const server = EmbeddedChannel.with({}, ...wire(), new ExchangeHandler({ format }));
  const pass = (): unknown[] => {
    for (let part = server.readOutbound(); part !== undefined; part = server.readOutbound()) {
      client.writeInbound(part);
    }
    return got;
  };
  return { server, pass };
}

/** Room of members, each at its own client. */
function room(size: number) {
  const members = Array.from({ length: size }, member);
  const group = new ChannelGroup();
  for (const { server } of members) group.add(server);
  return { members, group };
}

describe('noticesOf', () => {
  it('makes the message of a notice, which each member of a group gets in its function', () => {
    const { members, group } = room(3);
    const question = { text: 'Why?', choices: ['a', 'b'] };
    group.writeAndFlush(say.question(question));
    for (const { pass } of members) expect(pass()).toEqual([question]);
  });

  it('sends what it was given; the receiver transforms it', () => {
    const { members, group } = room(1);
    const over = say.over({ at: '2026-01-01T00:00:00Z' });
    expect(over.params).toEqual({ at: '2026-01-01T00:00:00Z' });
    group.writeAndFlush(over);
    expect(members[0]!.pass()).toEqual([{ at: new Date('2026-01-01T00:00:00Z') }]);
  });

  it('refuses a payload that does not fit, at the sender and as its own error', () => {
    expect(() => say.question({ text: '', choices: [] })).toThrow(
      expect.objectContaining({
        name: 'EncodeError',
        code: 'HR_ERR_MESSAGE_NOT_ENCODABLE',
        message: expect.stringContaining('the input of players.question does not fit the schema'),
        details: { issues: 1, path: 'text' },
      }),
    );
  });

  it('is encoded once for all members', () => {
    const { members, group } = room(3);
    let reads = 0;
    const message = say.question({
      get text() {
        reads += 1;
        return 'Why?';
      },
      choices: [],
    });
    reads = 0;
    group.writeAndFlush(message);
    expect(reads).toBe(1);
    for (const { pass } of members) expect(pass()).toHaveLength(1);
  });

  it('has the notices of the service alone', () => {
    expect(Object.keys(say)).toEqual(['question', 'over']);
  });

  const bytes = () => [
    ...lengthPrefixed({ maxFrameLength: 1000 }),
    new ExchangeHandler({ format: binaryExchange() }),
  ];
  it.each<[string, () => readonly Handler[]]>([
    ['bytes', bytes],
    ['lines', () => textLines()],
  ])('fails for a member whose pipeline has %s instead of JSON', async (_name, handlers) => {
    const group = new ChannelGroup();
    group.add(EmbeddedChannel.with({}, ...(handlers() as [])));
    const outcome = await group.writeAndFlush(say.question({ text: 'Why?', choices: [] })).then(
      () => 'sent',
      (error: unknown) => error,
    );
    expect(isHeadraceError(outcome, 'GROUP_WRITE_FAILED')).toBe(true);
    expect((outcome as Error).cause).toMatchObject({
      code: 'HR_ERR_MESSAGE_NOT_ENCODABLE',
      message: expect.stringContaining('but was given values'),
    });
  });
});
