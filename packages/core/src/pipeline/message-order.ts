import { isOutboundBytes } from '../bytes/byte-source.ts';
import type { MessageKind } from '../contract/message-kinds.ts';
import type { Handler } from '../contract.ts';

/** Returns the kind of a message. */
export function kindOf(message: unknown): MessageKind {
  if (isOutboundBytes(message)) return 'bytes';
  return typeof message === 'string' ? 'text' : 'values';
}

/** Returns true if no message can be of both kinds. */
export function excludes(one: MessageKind, other: MessageKind): boolean {
  return (one === 'bytes') !== (other === 'bytes');
}

/** Returns an error text that names the kind a handler cannot read, the handler that passed it on, and the correct order. */
export function misorderOfReads(
  reader: Handler,
  kind: MessageKind,
  producer: Handler | undefined,
): string {
  const { reads = 'other messages', passesOn = 'bytes' } = reader.messageKinds ?? {};
  const name = nameOf(reader);
  const between = `put a handler between them that makes ${reads} of ${kind}`;
  if (producer === undefined)
    return `${name} reads ${reads}, but gets ${kind} of the transport: ${between}`;
  const other = nameOf(producer);
  if (producer.messageKinds?.passesOn === undefined) {
    return `${name} reads ${reads}, but gets ${kind} of the transport, or of a handler before it such as ${other}: ${between}`;
  }
  const cure =
    reads === 'bytes' && passesOn === 'bytes'
      ? `put ${name} before ${other}`
      : `leave ${other} out, or ${between}`;
  return `${name} reads ${reads}, but ${other} before it passes on ${kind}: ${cure}`;
}

/**
 * Returns an error text that names the kind a handler cannot write, the handler that wrote it, and the correct order.
 *
 * @param consumer - handler towards the head that accepts this kind
 */
export function misorderOfWrites(
  encoder: Handler,
  kind: MessageKind,
  writer: Handler | undefined,
  consumer?: Handler,
): string {
  const { accepts = 'other messages' } = encoder.messageKinds ?? {};
  const name = nameOf(encoder);
  const after = `put a handler after it that makes ${accepts} of ${kind}`;
  if (consumer !== undefined) {
    const other = nameOf(consumer);
    return `${name} accepts ${accepts}, but was given ${kind}, which ${other} before it accepts: put ${other} after ${name}`;
  }
  if (kind === accepts) {
    return `${name} accepts only certain ${kind}, and this is not one of them: its card lists them under In`;
  }
  if (writer === undefined) return `${name} accepts ${accepts}, but was given ${kind}: ${after}`;
  const other = nameOf(writer);
  return `${name} accepts ${accepts}, but ${other} after it writes ${kind}: leave ${other} out, or ${after}`;
}

function nameOf(handler: Handler): string {
  const { name } = handler.constructor ?? Object;
  return name === 'Object' || name === '' ? 'a handler' : name;
}
