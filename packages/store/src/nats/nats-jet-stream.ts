import { Buffer } from 'node:buffer';
import type { NatsInbox, NatsPeer } from '@headrace/bus/nats';
import { INSTALL_NATS } from '@headrace/bus/nats';
import { type Clock, EncodeError } from '@headrace/core';
import { importPeer, toError } from '@headrace/core/authoring';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';

const PLAIN = /^[A-Za-z0-9_.:-]{1,128}$/;
/** Error code of JetStream for a message that is longer than the stream accepts. */
const MESSAGE_EXCEEDS_MAXIMUM = 10054;

/** The parts of a {@link NatsJetStream}. */
export interface NatsJetStreamParts {
  readonly connection: NatsConnection;
  readonly peer: NatsPeer;
  readonly inbox: NatsInbox;
  readonly clock: Clock;
}

/** The clients of JetStream on one connection. */
export interface JetStreamClients {
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly startAt: (sequence: number) => { deliver_policy: never; opt_start_seq: number };
}

/** JetStream's answer to a message that was published to a stream. */
export interface Acknowledgement {
  readonly seq?: number;
  readonly duplicate?: boolean;
  readonly error?: { readonly description?: string; readonly err_code?: number };
}

/** JetStream on one connection. */
export class NatsJetStream {
  private readonly parts: NatsJetStreamParts;
  private begun: Promise<JetStreamClients> | undefined = undefined;

  constructor(parts: NatsJetStreamParts) {
    this.parts = parts;
  }

  /** Imports the client of JetStream once. */
  clients(): Promise<JetStreamClients> {
    this.begun ??= this.begin().catch((thrown: unknown) => {
      this.begun = undefined;
      throw toError(thrown);
    });
    return this.begun;
  }

  /** Maximum size of a message with its headers, in bytes. */
  get maxBytes(): number {
    return this.parts.connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
  }

  headers(): MsgHdrs {
    return this.parts.peer.headers();
  }

  /** Publishes a message to a stream, and resolves with the answer. Rejects without an answer within a time. */
  publish(subject: string, bytes: Uint8Array, headers: MsgHdrs, withinMs: number): Promise<Msg> {
    const { connection, inbox, clock } = this.parts;
    return new Promise((resolve, reject) => {
      const { reply, forget } = inbox.expect((message) => {
        timer.cancel();
        resolve(message);
      });
      const timer = clock.schedule(() => {
        forget();
        reject(new Error(`JetStream has not answered for ${withinMs} ms`));
      }, withinMs);
      try {
        connection.publish(subject, bytes, { headers, reply });
      } catch (thrown) {
        timer.cancel();
        forget();
        reject(toError(thrown));
      }
    });
  }

  private async begin(): Promise<JetStreamClients> {
    const { connection } = this.parts;
    const { DeliverPolicy, jetstream, jetstreamManager } = await importPeer(
      '@nats-io/jetstream',
      INSTALL_NATS,
      () => import('@nats-io/jetstream'),
    );
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const startAt = (sequence: number) => ({
      deliver_policy: DeliverPolicy.StartSequence as never,
      opt_start_seq: sequence,
    });
    return { client: jetstream(connection), manager, startAt };
  }
}

/** Reads an answer. @throws EncodeError for a message that the stream never stores, and Error without JetStream */
export function acknowledgementIn(message: Msg): Acknowledgement {
  if (message.headers?.code === 503)
    throw new Error('JetStream is not available: enable it in the NATS server');
  const answer = message.json<Acknowledgement>();
  const { error } = answer;
  if (error?.err_code === MESSAGE_EXCEEDS_MAXIMUM) {
    throw new EncodeError('MESSAGE_TOO_LONG', `JetStream stored nothing: ${error.description}`, {});
  }
  return answer;
}

/** Reads the number of a stored message. @throws Error for a message that was not stored */
export function sequenceIn(answer: Acknowledgement): number {
  const { seq, error } = answer;
  if (error !== undefined) throw new Error(`JetStream stored nothing: ${error.description}`);
  if (seq === undefined) throw new Error('no sequence in the acknowledgement of JetStream');
  return seq;
}

export function tooLong(length: number, max: number): EncodeError {
  const text = `a message of ${length} bytes does not fit into the log, in which NATS stores ${max}: raise max_payload of NATS`;
  return new EncodeError('MESSAGE_TOO_LONG', text, { length, max });
}

/** Encodes a text for a header or a subject. Special characters are encoded. */
export function plainText(text: string): string {
  if (PLAIN.test(text)) return `p${text}`;
  return `b${Buffer.from(text, 'utf8').toString('base64url')}`;
}

/** Decodes a {@link plainText}. */
export function textOf(plain: string): string {
  if (plain.startsWith('b')) return Buffer.from(plain.slice(1), 'base64url').toString('utf8');
  return plain.slice(1);
}
