import type { Buffer } from 'node:buffer';
import {
  checkBodyLength,
  decodeBody,
  encodeBody,
  type StoredMessage,
} from '@headrace/cluster/authoring';
import { EncodeError, OptionError } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { LogEntry } from '@headrace/store';
import type { DurablePlan } from './durable-options.ts';
import type { Room } from './room.ts';

const MAX_ID_LENGTH = 128;
/** Number of random bytes in an id that is made up. Another program cannot guess the id and store an entry under it first. */
const ID_BYTES = 8;
const NOTHING = Symbol('nothing');

/** Converts the messages of one room between the stored form and the form for members. */
export class RoomMessages<Message> {
  private readonly room: Room;
  private readonly plan: DurablePlan<Message>;
  /** The form for members, made once for all members. */
  private readonly written = new WeakMap<LogEntry, unknown>();
  /** The last checked live copy, which is usually delivered next. */
  private seen: { readonly entry: LogEntry; readonly envelope: StoredMessage } | undefined =
    undefined;
  private count = 0;

  constructor(room: Room, plan: DurablePlan<Message>) {
    this.room = room;
    this.plan = plan;
  }

  /**
   * Encodes a message for the log, and chooses its id.
   *
   * @param id - the id from the writer, if any
   * @throws OptionError for a value that is not an id
   * @returns the refusal of a message that is longer than `maxMessageBytes`
   * @throws EncodeError if the message cannot be encoded
   */
  encoded(
    message: Message,
    id: string | undefined,
  ): { readonly id: string; readonly bytes: Buffer; readonly refusal: EncodeError | undefined } {
    const { plan } = this;
    const { wire, stream } = this.room;
    const encoded = encodeBody(message, plan.codec);
    checkBodyLength(encoded.body);
    this.count += 1;
    const given = checkedId(id ?? plan.messageId?.(message));
    const ownId = given ?? `${wire.nodeId}-${this.count}-${wire.randomText(ID_BYTES)}`;
    const { maxMessageBytes } = plan;
    const { byteLength } = encoded.body;
    const refusal = byteLength > maxMessageBytes ? tooLong(byteLength, maxMessageBytes) : undefined;
    const bytes = wire.encode(sealScope(stream, ownId), this.count, encoded);
    return { id: ownId, bytes, refusal };
  }

  /** Returns the message in the form for members, or undefined for a foreign entry. */
  formatted(entry: LogEntry): unknown {
    const known = this.written.get(entry);
    if (known !== undefined) return known === NOTHING ? undefined : known;
    const message = this.decoded(entry);
    const written = message === undefined ? undefined : this.format(message, entry);
    this.written.set(entry, written ?? NOTHING);
    return written ?? undefined;
  }

  /** Returns the message as it was written, or undefined for a foreign entry. */
  decoded(entry: LogEntry): Message | undefined {
    const { wire, stream } = this.room;
    const envelope = this.envelopeOf(entry);
    if (envelope === undefined) return undefined;
    try {
      return decodeBody<Message>(envelope, this.plan.codec);
    } catch (thrown) {
      wire.reportFault(envelope, stream, thrown);
      return undefined;
    }
  }

  /** Returns true if a node of the cluster made the entry. */
  isOurs(entry: LogEntry): boolean {
    const envelope = this.envelopeOf(entry);
    this.seen = envelope && { entry, envelope };
    return envelope !== undefined;
  }

  private envelopeOf(entry: LogEntry): StoredMessage | undefined {
    const { seen } = this;
    const { wire, stream } = this.room;
    if (seen?.entry !== entry) return wire.read(entry.bytes, stream, sealScope(stream, entry.id));
    this.seen = undefined;
    return seen.envelope;
  }

  private format(message: Message, { position }: LogEntry): unknown {
    const { plan } = this;
    const { wire, group } = this.room;
    if (plan.format === undefined) return message;
    try {
      return plan.format(message, position);
    } catch (thrown) {
      wire.host.logger.log('error', `format of the group ${group} failed`, toError(thrown));
      return undefined;
    }
  }
}

function tooLong(length: number, maxMessageBytes: number): EncodeError {
  const text = `a message of ${length} bytes, but maxMessageBytes of the durable group is ${maxMessageBytes}`;
  return new EncodeError('MESSAGE_TOO_LONG', text, { length, maxMessageBytes });
}

/** Returns the scope of a stored message's seal. The seal is not valid under another id. */
function sealScope(stream: string, id: string): string {
  return `${stream}\0${id.length}\0${id}`;
}

function checkedId(id: string | undefined): string | undefined {
  if (id === undefined) return undefined;
  if (typeof id === 'string' && id !== '' && id.length <= MAX_ID_LENGTH) return id;
  throw new OptionError(
    'OPTION_INVALID',
    `the id of a message is a text of 1 to ${MAX_ID_LENGTH} characters`,
    { option: 'id' },
  );
}
