import type { Buffer } from 'node:buffer';
import type { MsgHdrs } from '@nats-io/transport-node';
import { type Acknowledgement, acknowledgementIn, type NatsJetStream } from './nats-jet-stream.ts';
import {
  encodeRecord,
  RECORD_HEADER,
  type RecordKind,
  scopedId,
  tagOf,
  type WriterChange,
} from './state-record.ts';

/** Maximum time for JetStream to answer a message. The log repeats its appends after the same time. */
export const ANSWER_MS = 2000;
const WRONG_LAST_SEQUENCE = 10071;
/** Of servers since 2.11: another change of the key is being replicated. */
const WRONG_LAST_IN_PROCESS = 10164;

/** Publishes the messages of one state: its changes, and its floor. */
export class StateMessages {
  private readonly jetStream: NatsJetStream;
  private readonly scope: string;
  /** The epoch of the state. */
  epoch = '';

  /** @param subject - the subject of the messages, without the token of the key */
  constructor(jetStream: NatsJetStream, subject: string) {
    this.jetStream = jetStream;
    this.scope = tagOf(subject);
  }

  /** Maximum size of a message with its headers, in bytes. */
  get maxBytes(): number {
    return this.jetStream.maxBytes;
  }

  /** Returns the id of a message in its header. */
  idOf(id: string): string {
    return scopedId(this.scope, id);
  }

  headersOf(
    id: string,
    kind: RecordKind,
    floor: number,
    writers: readonly WriterChange[],
    epoch: string = this.epoch,
  ): MsgHdrs {
    const headers = this.jetStream.headers();
    headers.set('Nats-Msg-Id', this.idOf(id));
    headers.set(RECORD_HEADER, encodeRecord({ kind, epoch, floor, writers }));
    return headers;
  }

  async put(subject: string, bytes: Buffer, headers: MsgHdrs): Promise<Acknowledgement> {
    return acknowledgementIn(await this.jetStream.publish(subject, bytes, headers, ANSWER_MS));
  }
}

/** Returns true if the stream has another newest message than a message expects: another node was first. */
export function isLost({ error }: Acknowledgement): boolean {
  return error?.err_code === WRONG_LAST_SEQUENCE || error?.err_code === WRONG_LAST_IN_PROCESS;
}
