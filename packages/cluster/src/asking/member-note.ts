import { Buffer } from 'node:buffer';
import {
  ChannelError,
  EncodeError,
  isHeadraceError,
  PipelineError,
  RejectedError,
  TimedOutError,
} from '@headrace/core';
import { isOutboundBytes, toBuffer } from '@headrace/core/authoring';
import { encodeBody } from '../envelope/body.ts';
import { checkBodyLength } from '../envelope/envelope.ts';

/** A value between nodes: bytes as base64, other values as JSON, and no field for `undefined`. */
export interface WireValue {
  readonly b?: string;
  readonly j?: unknown;
}

/** An error between nodes. */
interface WireError {
  readonly code?: string | undefined;
  readonly text: string;
  readonly details: Readonly<Record<string, Plain>>;
}

/** The answer of one member. */
export interface WireAnswer extends WireValue {
  /** The member's place among the members of its node. */
  readonly at: number;
  readonly error?: WireError;
}

type Plain = string | number | boolean;

/** Maximum size of a question or an answer. Each is only a part of a message, because several answers are sent together. */
const MAX_VALUE_BYTES = 256 * 1024;
const MAX_TEXT = 1000;
const MAX_DETAILS = 8;
/** The limit of a node's presence. */
const MAX_MEMBERS = 1_000_000;

/**
 * @param maxBodyBytes - the maximum size of a message on the bus
 * @throws EncodeError `MESSAGE_NOT_ENCODABLE`, `MESSAGE_TOO_LONG`
 */
export function toWireValue(
  value: unknown,
  maxBodyBytes: number,
): { readonly value: WireValue; readonly bytes: number } {
  let wire: WireValue = { j: value };
  if (value === undefined) wire = {};
  else if (isOutboundBytes(value)) wire = { b: toBuffer(value).toString('base64') };
  const { body } = encodeBody(wire);
  checkBodyLength(body, Math.min(MAX_VALUE_BYTES, Math.floor(maxBodyBytes / 2)));
  return { value: wire, bytes: body.byteLength };
}

/** @throws an error for an invalid value */
export function fromWireValue({ b, j }: WireValue): unknown {
  if (b === undefined) return j;
  if (typeof b !== 'string') throw new Error('the bytes of an answer are not text');
  return Buffer.from(b, 'base64');
}

export function toWireError(error: Error): WireError {
  const text = error.message.slice(0, MAX_TEXT);
  if (!isHeadraceError(error)) return { text, details: {} };
  return { code: error.code, text, details: plainDetails(error.details) };
}

/** Returns the size of the error on the bus. */
export function wireErrorBytes(error: WireError): number {
  return encodeBody(error).body.byteLength;
}

/** Restores an error that members can have. Any other error becomes the error of a lost call. */
export function fromWireError(value: unknown): Error {
  const { code, text, details: given } = value as Partial<WireError>;
  if (typeof text !== 'string') throw new Error('an error without a text');
  const details = plainDetails(Object(given));
  switch (String(code).replace('HR_ERR_', '')) {
    case 'REQUEST_REFUSED':
      return new RejectedError('REQUEST_REFUSED', text, details);
    case 'REJECTED_QUEUE':
      return new RejectedError('REJECTED_QUEUE', text, details);
    case 'TIMEOUT_REQUEST':
      return new TimedOutError('TIMEOUT_REQUEST', text, details);
    case 'PIPELINE_UNKNOWN_NAME':
      return new PipelineError('PIPELINE_UNKNOWN_NAME', text, details);
    case 'MESSAGE_NOT_ENCODABLE':
      return new EncodeError('MESSAGE_NOT_ENCODABLE', text, details);
    case 'MESSAGE_TOO_LONG':
      return new EncodeError('MESSAGE_TOO_LONG', text, details);
    default:
      return new ChannelError('REQUEST_LOST', text, details);
  }
}

/** @throws an error for an invalid number */
export function toMemberCount(value: unknown): number {
  if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_MEMBERS) {
    return Number(value);
  }
  throw new Error(`${String(value)} is not a number of members`);
}

/** @throws an error for an invalid list */
export function toTexts(value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw new Error('the ids of members are not texts');
}

/** @throws an error for an invalid list */
export function toWireAnswers(value: unknown): readonly WireAnswer[] {
  const isAnswer = (one: unknown): boolean =>
    typeof one === 'object' && one !== null && Number.isInteger((one as WireAnswer).at);
  if (Array.isArray(value) && value.every(isAnswer)) return value;
  throw new Error('the answers of members are not valid');
}

/** Shortens texts, because a peer can send long ones. */
function plainDetails(details: object): Record<string, Plain> {
  const plain: Record<string, Plain> = {};
  for (const [name, value] of Object.entries(details).slice(0, MAX_DETAILS)) {
    if (isPlain(value)) plain[name] = typeof value === 'string' ? value.slice(0, MAX_TEXT) : value;
  }
  return plain;
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
