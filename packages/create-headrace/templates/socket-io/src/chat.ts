// The main namespace: clients with a name, in one room each.
import { MessageRateHandler } from '@headrace/handlers';
import { SocketIoNamespace, type SocketIoSocket } from '@headrace/socket-io';
import { type ClientToServer, Name, SCHEMAS, type ServerToClient } from './events.ts';

type Client = SocketIoSocket<ServerToClient>;
export type Chat = SocketIoNamespace<ClientToServer, ServerToClient>;

const nameOf = ({ handshake }: Client): string => Name.parse(handshake.auth['name']);

export function createChat(): Chat {
  const chat: Chat = new SocketIoNamespace<ClientToServer, ServerToClient>('/', {
    authorize: ({ auth }) => Name.safeParse(auth['name']).success || { message: 'bad name' },
    // A client that loses its connection for less than two minutes has its room, and gets what it missed.
    recovery: {},
    pipeline: ({ pipeline }) => pipeline.addLast(new MessageRateHandler({ perSecond: 10 })),
    schemas: SCHEMAS,
    events: {
      join(socket, room, joined) {
        socket.leave(...socket.rooms);
        socket.join(room);
        const others = [...chat.to(room).except(socket.id)].map((one) => chat.socketOf(one)!);
        joined(others.map(nameOf));
        socket.to(room).emit('came', nameOf(socket));
      },
      say(socket, text, heard) {
        const [room] = socket.rooms;
        // Without a room, `to()` would be all clients.
        if (room === undefined) return heard(0);
        const others = socket.to(room);
        others.emit('said', nameOf(socket), text);
        heard(others.size);
      },
    },
  });
  return chat;
}
