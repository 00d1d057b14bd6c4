import type { Context, Handler, WriteFuture } from '@headrace/core';
import { encodeOnce, SettableFuture, transportOf } from '@headrace/core/authoring';
import { EngineText } from '../engine/engine-packet.ts';
import { ACK, EncodedPacket, EVENT, encodePacket } from '../packet/socket-packet.ts';
import { NamespaceTransport } from './namespace-transport.ts';
import { EventAnswer, EventCall, SocketIoEvent } from './socket-io-event.ts';

/** The first handler of each channel of a namespace: encodes events, in a broadcast once for all clients, and drops volatile ones. */
export class PacketHandler implements Handler {
  readonly sharable = true;
  private readonly namespace: string;
  private readonly key: string;
  private readonly hasRecovery: boolean;

  constructor(namespace: string, hasRecovery: boolean) {
    this.namespace = namespace;
    this.key = `socket.io ${namespace}`;
    this.hasRecovery = hasRecovery;
  }

  write(ctx: Context, message: unknown): WriteFuture {
    if (message instanceof EventCall) return ctx.write(this.encode(message, message.id));
    if (message instanceof SocketIoEvent) {
      if (message.kept !== undefined) return ctx.write(message.kept);
      if (message.isVolatile && !isFree(ctx)) return SettableFuture.succeeded();
      return ctx.write(
        encodeOnce(
          this.key,
          message,
          (event) => this.encode(event),
          (event) => this.encode(event, undefined, EngineText.forMany),
        ),
      );
    }
    if (!(message instanceof EventAnswer)) return ctx.write(message);
    const { id, args: data } = message;
    return ctx.write(encodePacket({ type: ACK, namespace: this.namespace, id, data }));
  }

  private encode(
    { name, args }: SocketIoEvent,
    id?: number,
    textOf?: (text: string) => EngineText,
  ): EncodedPacket {
    const { namespace } = this;
    const data = [name, ...args];
    // A client takes a text at the end for an offset. With an id, its answer function is at the end.
    if (this.hasRecovery && id === undefined && typeof data.at(-1) === 'string') data.push(null);
    return encodePacket({ type: EVENT, namespace, id, data }, textOf);
  }
}

/** Returns true if the client receives an event at once. */
function isFree({ channel }: Context): boolean {
  const transport = transportOf(channel);
  const isUnused = channel.pendingOutboundBytes === 0;
  return isUnused && transport instanceof NamespaceTransport && transport.isFree;
}
