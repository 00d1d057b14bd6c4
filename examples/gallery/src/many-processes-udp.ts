// The UDP servers of Swoole and Workerman: `onPacket` with a sender, and `onMessage` with a connection for each sender.
import { StringCodec } from '@headrace/codec';
import {
  type Channel,
  type ChannelOptions,
  handler,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import {
  type Datagram,
  DatagramBootstrap,
  type DatagramConnectPlace,
  type OutboundDatagram,
  type PerPeerOptions,
  perPeer,
} from '@headrace/datagram';

type Print = (line: string) => void;
type Packets = { reads: Datagram; passesOn: never; writes: OutboundDatagram };

const TEXT = Buffer.from('hello world');
const ANSWER = Buffer.from('Server: ');
/** Each try; a datagram or its answer may be lost. */
const WAIT_MS = 1000;
const TRIES = 5;

const onPacket = handler<Packets>({
  sharable: true,
  channelRead: (ctx, datagram) =>
    void ctx.writeAndFlush(datagram.reply(Buffer.concat([ANSWER, datagram.bytes]))),
});

/** Swoole's: `on('Packet', fn ($server, $data, $client) => $server->sendto(…, "Server: $data"))`. */
export const packetServer = (): DatagramBootstrap<Datagram, OutboundDatagram> =>
  new DatagramBootstrap().handler(({ pipeline }) =>
    pipeline.addLast(onPacket),
  ) as DatagramBootstrap<Datagram, OutboundDatagram>;

const onMessage = handler<{ reads: string; passesOn: never; writes: string }>({
  sharable: true,
  channelRead: (ctx, text) => void ctx.writeAndFlush(`Server: ${text}`),
});

/** Workerman's: `onMessage = fn ($connection, $data) => $connection->send(…)`. */
export function connectionServer(
  place: PerPeerOptions,
  options: ChannelOptions = {},
): Promise<Server> {
  // The answer is eight bytes longer than the text, which a peer that has proved nothing does not get otherwise.
  const listener = perPeer({ idleMs: 60_000, amplification: 2, ...place });
  return new ServerBootstrap()
    .childOptions(options)
    .childHandler(({ pipeline }) => pipeline.addLast(new StringCodec(), onMessage))
    .bind({ listener });
}

/** One text and its answer; asked again where none comes. False if none came. */
export async function exchangeDatagrams(
  place: DatagramConnectPlace,
  print: Print,
  options: ChannelOptions = {},
): Promise<boolean> {
  let resolve!: (isAnswered: boolean) => void;
  const answered = new Promise<boolean>((settle) => {
    resolve = settle;
  });
  const reader = handler<{ reads: Datagram; passesOn: never }>({
    channelRead(_ctx, { bytes }) {
      print(String(bytes));
      resolve(true);
    },
  });
  const channel: Channel = await new DatagramBootstrap()
    .options(options)
    .handler(({ pipeline }) => pipeline.addLast(reader))
    .connect(place);
  const ask = (tries: number): void => {
    if (tries === 0 || !channel.isActive) {
      resolve(false);
      return;
    }
    // Where nobody listens, the system says so at a later write: the next try may be answered all the same.
    channel.writeAndFlush({ bytes: TEXT }).onSettled(() => {});
    channel.clock.schedule(() => ask(tries - 1), WAIT_MS);
  };
  ask(TRIES);
  const isAnswered = await answered;
  channel.close();
  return isAnswered;
}
