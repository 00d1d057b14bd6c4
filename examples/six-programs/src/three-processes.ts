// A chat on three processes of one machine, without a broker: rooms, and direct messages to a user wherever he is connected. The logs
// of the rooms are in the primary process, so a client that comes back gets what it missed, from any process.
// Written from docs/guides/workers.md, cluster.md, durable-groups.md and auth.md.
import { Cluster, type ClusterOptions } from '@headrace/cluster';
import { jsonLines } from '@headrace/codec';
import { handler, ServerBootstrap } from '@headrace/core';
import { durableGroup, type JoinOutcome } from '@headrace/durable';
import { AuthHandler, ConnectionLimitHandler, principalOf, secretsEqual } from '@headrace/handlers';
import { processBus, runWorkers } from '@headrace/workers';
import { z } from 'zod';

const Position = z.object({ epoch: z.string(), offset: z.number() });
const Hello = z.object({ name: z.string(), secret: z.string() });
const Join = z.object({ join: z.enum(['lobby', 'garden']), since: Position.optional() });
const Say = z.object({ room: z.enum(['lobby', 'garden']), text: z.string().max(2000) });
const Tell = z.object({ to: z.string(), text: z.string().max(2000) });
export const FromClient = z.union([Hello, Join, Say, Tell]);
export type FromClient = z.infer<typeof FromClient>;
export type ToClient =
  | { readonly refused: string }
  | { readonly welcome: string }
  | { readonly joined: string; readonly recovered: boolean }
  | {
      readonly room: string;
      readonly from: string;
      readonly text: string;
      readonly at: z.infer<typeof Position>;
    }
  | { readonly from: string; readonly text: string }
  | { readonly told: number };
type Said = { readonly from: string; readonly text: string };

export interface NodeOptions {
  readonly bus?: ClusterOptions['bus'];
  readonly port?: number;
  readonly secrets: ReadonlyMap<string, string>;
}

/** One of the processes. */
export async function startNode({ bus, port = 0, secrets }: NodeOptions) {
  const cluster = await Cluster.join<string>({ app: 'three', ...(bus && { bus }) });
  const room = (name: string) =>
    durableGroup<Said>(cluster, name, {
      format: (said, at): ToClient => ({ room: name, ...said, at }),
    });
  const rooms = { lobby: room('lobby'), garden: room('garden') };
  const member = handler<{ reads: FromClient; passesOn: never; writes: ToClient }>({
    sharable: true,
    async channelRead(ctx, message) {
      const from = principalOf<string>(ctx.channel)!;
      if ('join' in message) {
        const { join, since } = message;
        const answer = ({ recovered }: JoinOutcome): ToClient => ({ joined: join, recovered });
        await rooms[join].history.join(ctx.channel, since, { answer });
      } else if ('room' in message) await rooms[message.room].write({ from, text: message.text });
      else if ('to' in message) {
        const told = await cluster.users.deliver(message.to, { from, text: message.text });
        ctx.writeAndFlush({ told });
      }
    },
  });
  const signIn = () =>
    new AuthHandler({
      authenticate: (message: FromClient) =>
        'secret' in message && secretsEqual(message.secret, secrets.get(message.name))
          ? { principal: message.name }
          : { refused: 'wrong name or secret' },
      replies: {
        accepted: (name): ToClient => ({ welcome: name }),
        refused: (): ToClient => ({ refused: 'wrong name or secret' }),
      },
      sessions: cluster.users,
    });
  const server = await new ServerBootstrap()
    .handler(({ pipeline }) => pipeline.addLast(new ConnectionLimitHandler()))
    .childHandler(({ pipeline }) =>
      pipeline.addLast(
        ...jsonLines<FromClient, ToClient>({ schema: FromClient }),
        signIn(),
        member,
      ),
    )
    .bind({ host: '127.0.0.1', port });
  return { cluster, server };
}

/** All of them, on one port. */
export function startThree(port: number, secrets: ReadonlyMap<string, string>) {
  return runWorkers({
    count: 3,
    start: async () => {
      const { cluster, server } = await startNode({ bus: processBus(), port, secrets });
      return {
        info: server.port,
        drain: ({ drainTimeoutMs }) => cluster.leave({ servers: [server], drainTimeoutMs }),
      };
    },
  });
}
