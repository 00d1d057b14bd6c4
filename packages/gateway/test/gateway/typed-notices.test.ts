import { contentLengthPrefixed, JsonCodec, textLines } from '@headrace/codec';
import type { Handler, Logger } from '@headrace/core';
import type { StandardSchema } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { connectionsOf, Gateway, Worker } from '@headrace/gateway';
import {
  defineService,
  ExchangeHandler,
  jsonRpcExchange,
  notice,
  noticesOf,
  type ServiceNotice,
  serve,
} from '@headrace/rpc';
import { describe, expect, it } from 'vitest';
import { Nodes } from '../../../cluster/test/nodes.ts';

interface Question {
  readonly text: string;
  readonly hint?: string | undefined;
}
const Question: StandardSchema<Question> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) =>
      (value as Question).text === ''
        ? { issues: [{ message: 'is empty', path: ['text'] }] }
        : { value: value as Question },
  },
};
const players = defineService('players', { question: notice(Question) });
const say = noticesOf(players);
const WHY = { text: 'Why?' };
const format = jsonRpcExchange();
const wire = () => [...contentLengthPrefixed({ maxFrameLength: 65_536 }), new JsonCodec()] as const;

/** Nodes, and players whose clients note what their function gets. */
class Quiz {
  readonly nodes = new Nodes();
  private readonly players: { server: EmbeddedChannel; client: EmbeddedChannel; got: unknown[] }[] =
    [];

  /** A player whose connection ends in this handler. */
  player(handler: Handler): EmbeddedChannel {
    const { clock } = this.nodes;
    const got: unknown[] = [];
    const handle = serve(players, { question: (input) => void got.push(input) });
    const exchange = new ExchangeHandler({ format, handle });
    const client = EmbeddedChannel.with({ clock }, ...wire(), exchange) as EmbeddedChannel;
    const server = EmbeddedChannel.with({ clock }, ...wire(), handler) as EmbeddedChannel;
    this.players.push({ server, client, got });
    return server;
  }

  /** What each player got since the last time. */
  async got(): Promise<unknown[][]> {
    await this.nodes.pass(200);
    return this.players.map(({ server, client, got }) => {
      for (let part = server.readOutbound(); part !== undefined; part = server.readOutbound()) {
        client.writeInbound(part);
      }
      return got.splice(0);
    });
  }
}

describe('a typed notice', () => {
  it('reaches a group and users on all nodes', async () => {
    const quiz = new Quiz();
    const clusters = [await quiz.nodes.join(), await quiz.nodes.join()];
    await quiz.nodes.pass(1000);
    for (const cluster of clusters) {
      const channel = quiz.player(new ExchangeHandler({ format }));
      cluster.group<ServiceNotice>('room').add(channel);
      cluster.users.bind('ann', channel);
    }
    await quiz.nodes.pass(200);
    clusters[0]!.group<ServiceNotice>('room').writeAndFlush(say.question(WHY));
    expect(await quiz.got()).toEqual([[WHY], [WHY]]);
    clusters[0]!.users.send('ann', say.question(WHY));
    expect(await quiz.got()).toEqual([[WHY], [WHY]]);
  });

  it('reaches the connections of gateways from a worker: one, those of a user or a group, all', async () => {
    const quiz = new Quiz();
    const fronts = [await quiz.nodes.join(), await quiz.nodes.join()];
    const back = await quiz.nodes.join({ roles: ['worker'] });
    const ids: string[] = [];
    new Worker<ServiceNotice>({
      cluster: back,
      onConnect: (connection) => {
        ids.push(connection.id);
        connection.write(say.question({ text: 'Ready?' }));
      },
      onMessage: () => {},
    });
    const gateways = fronts.map((cluster) => new Gateway<ServiceNotice>({ cluster }));
    await quiz.nodes.pass(3000);
    for (const gateway of gateways) quiz.player(gateway.handler());
    expect(await quiz.got()).toEqual([[{ text: 'Ready?' }], [{ text: 'Ready?' }]]);

    const connections = connectionsOf(back);
    void connections.join({ all: true }, 'room');
    void connections.bind({ connection: ids[0]! }, 'ann');
    void connections.send({ group: 'room' }, say.question(WHY));
    expect(await quiz.got()).toEqual([[WHY], [WHY]]);
    void connections.send({ all: true }, say.question({ ...WHY, hint: undefined }), [ids[0]!]);
    expect(await quiz.got()).toEqual([[], [WHY]]);
    void connections.send({ user: 'ann' }, say.question(WHY));
    void connections.send({ connection: ids[0]! }, say.question(WHY));
    expect(await quiz.got()).toEqual([[WHY, WHY], []]);
    back.group<ServiceNotice>('room').writeAndFlush(say.question(WHY));
    expect(await quiz.got()).toEqual([[WHY], [WHY]]);
  });

  it('fails at a gateway whose pipeline has lines, which logs why and keeps the connection', async () => {
    const nodes = new Nodes();
    const cluster = await nodes.join({ roles: ['worker'] });
    const gateway = new Gateway<string>({ cluster });
    const logged: string[] = [];
    const logger: Logger = {
      log: (level, text, error) => void logged.push(`${level} ${text} ${String(error)}`),
    };
    const handler = gateway.handler();
    const channel = EmbeddedChannel.with({ clock: nodes.clock, logger }, ...textLines(), handler);
    await nodes.pass(3000);
    void connectionsOf(cluster).send({ all: true }, say.question(WHY));
    await nodes.pass(100);
    expect(logged).toEqual([
      expect.stringContaining('EncodeError: StringCodec accepts text, but was given values'),
    ]);
    expect(channel.isActive).toBe(true);
  });

  it('is refused at the worker if its payload does not fit, and reaches no member', async () => {
    const quiz = new Quiz();
    const cluster = await quiz.nodes.join({ roles: ['worker'] });
    const gateway = new Gateway<ServiceNotice>({ cluster });
    quiz.player(gateway.handler());
    await quiz.nodes.pass(100);
    const connections = connectionsOf(cluster);
    const send = () => connections.send({ all: true }, say.question({ text: '' }));
    expect(send).toThrow('the input of players.question does not fit the schema: text');
    expect(await quiz.got()).toEqual([[]]);
  });
});
