import type { Context, Handled, Handler } from '@headrace/core';
import type { DisconnectReason } from './disconnect-reason.ts';
import { SOCKET_IO_DISCONNECT } from './disconnect-reason.ts';
import { SocketIoEvent } from './socket-io-event.ts';
import { SOCKET, type SocketIoSocket } from './socket-io-socket.ts';

/** The functions of a namespace that are called with its clients. */
export interface NamespaceListeners {
  readonly connection: ((socket: SocketIoSocket) => unknown) | undefined;
  readonly disconnected:
    | ((socket: SocketIoSocket, reason: DisconnectReason) => unknown)
    | undefined;
  readonly events: ReadonlyMap<string, (socket: SocketIoSocket, ...args: unknown[]) => unknown>;
  /** Checks the arguments of an event, and returns them. */
  readonly checked: (name: string, args: readonly unknown[]) => readonly unknown[];
}

/** The last handler of each channel of a namespace, which calls the functions of the application. */
export class ListenersHandler implements Handler {
  readonly sharable = true;
  private readonly listeners: NamespaceListeners;

  constructor(listeners: NamespaceListeners) {
    this.listeners = listeners;
  }

  handlerAdded(ctx: Context): void {
    socketOf(ctx).placedAt(ctx);
  }

  channelActive(ctx: Context): Handled {
    ctx.fireChannelActive();
    return this.listeners.connection?.(socketOf(ctx)) as Handled;
  }

  channelRead(ctx: Context, message: unknown): Handled {
    const { events, checked } = this.listeners;
    const listener = message instanceof SocketIoEvent ? events.get(message.name) : undefined;
    if (listener === undefined) {
      ctx.fireChannelRead(message);
      return;
    }
    const { name, args, acknowledge } = message as SocketIoEvent;
    const given = checked(name, args);
    const all = acknowledge === undefined ? given : [...given, acknowledge];
    return listener(socketOf(ctx), ...all) as Handled;
  }

  channelWritabilityChanged(ctx: Context): void {
    if (ctx.channel.isWritable) socketOf(ctx).becameWritable();
    ctx.fireChannelWritabilityChanged();
  }

  channelInactive(ctx: Context): Handled {
    const socket = socketOf(ctx);
    socket.ended();
    ctx.fireChannelInactive();
    const reason =
      ctx.channel.attributes.get(SOCKET_IO_DISCONNECT) ?? 'server namespace disconnect';
    return this.listeners.disconnected?.(socket, reason) as Handled;
  }
}

function socketOf({ channel }: Context): SocketIoSocket {
  return channel.attributes.get(SOCKET)!;
}
