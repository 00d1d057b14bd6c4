import type { BusSubscription } from '@headrace/bus';
import { decodeBody, encodeBody } from '../envelope/body.ts';
import { checkBodyLength, type Envelope, KIND } from '../envelope/envelope.ts';
import type { Wire } from './wire.ts';

/** A question or an answer to one node, with its address and its content. */
export interface Note {
  /** The part of the node that receives the note. */
  readonly to: string;
  /** The subject within the part, such as the name of a group. */
  readonly about: string;
}

/** Called with the notes of other nodes. An error that it throws counts as a fault of the note. */
export type NoteListener = (note: Note & Record<string, unknown>, from: string) => void;

/** Receives the messages to this node. */
export class Inbox {
  private readonly wire: Wire;
  private readonly listeners = new Map<string, NoteListener>();
  private frames: ((envelope: Envelope) => void) | undefined = undefined;
  private subscription: BusSubscription | undefined = undefined;

  constructor(wire: Wire) {
    this.wire = wire;
    wire.onRenamed(() => {
      this.subscription?.close();
      this.start();
    });
  }

  start(): void {
    const { wire } = this;
    this.subscription = wire.listen(wire.subjects.node(wire.nodeId), (envelope) =>
      this.received(envelope),
    );
  }

  stop(): void {
    this.subscription?.close();
  }

  /** Sets the listener for the notes to a part about one subject. */
  listen(to: string, about: string, listener: NoteListener): () => void {
    const key = keyOf(to, about);
    this.listeners.set(key, listener);
    return () => {
      if (this.listeners.get(key) === listener) this.listeners.delete(key);
    };
  }

  /** Sets the listener for the frames of other packages. */
  listenToFrames(listener: (envelope: Envelope) => void): void {
    this.frames = listener;
  }

  /**
   * Sends a note to one node.
   *
   * @throws EncodeError `MESSAGE_TOO_LONG` for a note that the bus would drop
   */
  send(node: string, kind: typeof KIND.ask | typeof KIND.answer, note: Note): void {
    const { wire } = this;
    const body = encodeBody(note);
    checkBodyLength(body.body, wire.maxBodyBytes);
    wire.send(wire.subjects.node(node), kind, body);
  }

  private received(envelope: Envelope): void {
    if (envelope.kind === KIND.frame) {
      this.frames?.(envelope);
      return;
    }
    if (envelope.kind !== KIND.ask && envelope.kind !== KIND.answer) {
      throw new Error(`kind ${envelope.kind} is not for one node`);
    }
    const note = toNote(decodeBody(envelope));
    this.listeners.get(keyOf(note.to, note.about))?.(note, envelope.node);
  }
}

/** @throws an error for an invalid note */
export function toNote(value: unknown): Note & Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error('a note is an object');
  const { to, about } = value as Record<string, unknown>;
  if (typeof to !== 'string' || typeof about !== 'string')
    throw new Error('a note without to or about');
  return value as Note & Record<string, unknown>;
}

function keyOf(to: string, about: string): string {
  return `${to} ${about}`;
}
