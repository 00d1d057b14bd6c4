import { Buffer } from 'node:buffer';
import type { MessageCodec } from '@headrace/cluster';
import { DecodeError } from '@headrace/core';
import {
  type ClientAction,
  ClientCommand,
  type NodeMessage,
} from '../namespace/namespace-nodes.ts';
import { type ChosenClients, SocketIoEvent } from '../namespace/socket-io-event.ts';
import { PacketReader } from '../packet/packet-reader.ts';
import { EVENT, encodePacket } from '../packet/socket-packet.ts';

/** What stands before the packet of an event. */
interface Head extends ChosenClients {
  readonly action?: ClientAction;
  readonly isVolatile?: boolean;
  /** Length of the packet's text, and of each attachment. */
  readonly lengths?: readonly number[];
}

const LENGTH_BYTES = 4;

/**
 * Encodes what nodes send to each other: the length of a head, the head as JSON, and for an event the packet's text and attachments.
 * So bytes within an event are not blown up by base64.
 */
export class NodeMessageCodec implements MessageCodec<NodeMessage> {
  private readonly namespace: string;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  encode(message: NodeMessage): Buffer {
    if (message instanceof ClientCommand) {
      return joined({ ...message.chosen, action: message.action }, []);
    }
    const { name, args, isVolatile } = message;
    const data = [name, ...args];
    const packet = encodePacket({ type: EVENT, namespace: this.namespace, data });
    const parts = [Buffer.from(String(packet.text.packet)), ...packet.attachments];
    const lengths = parts.map(({ length }) => length);
    return joined({ ...message.chosen!, isVolatile, lengths }, parts);
  }

  /** @throws an error for other bytes */
  decode(bytes: Buffer): NodeMessage {
    const end = LENGTH_BYTES + bytes.readUInt32BE(0);
    const head = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, end)) as Head;
    const { rooms, except, action, isVolatile, lengths } = head;
    if (!isNames(rooms) || !isNames(except)) throw invalidMessage('rooms are not texts');
    const chosen = { rooms, except };
    if (action !== undefined) return new ClientCommand(chosen, action);
    const event = eventOf(bytes.subarray(end), lengths ?? [], isVolatile === true);
    event.chosen = chosen;
    return event;
  }
}

function joined(head: Head, parts: readonly Uint8Array[]): Buffer {
  const json = Buffer.from(JSON.stringify(head), 'utf8');
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  return Buffer.concat([length, json, ...parts]);
}

function eventOf(bytes: Buffer, lengths: readonly number[], isVolatile: boolean): SocketIoEvent {
  const reader = new PacketReader(lengths.length);
  let from = 0;
  for (const [index, length] of lengths.entries()) {
    const part = bytes.subarray(from, from + length);
    from += length;
    // The first character is that of Engine.IO.
    const packet = reader.read(index === 0 ? part.toString('utf8', 1) : part);
    if (packet === undefined) continue;
    const [name, ...args] = packet.data as unknown[];
    return new SocketIoEvent(String(name), args, { volatile: isVolatile });
  }
  throw invalidMessage('an event is not complete');
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function invalidMessage(why: string): DecodeError {
  return new DecodeError('MESSAGE_INVALID', `not a message of a node with Socket.IO: ${why}`);
}
