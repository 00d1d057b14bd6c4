import type { ServerResponse } from 'node:http';
import { BUS_ERRORS } from '@headrace/bus';
import { type HeadraceError, isHeadraceError } from '@headrace/core';

/** An error in an answer of the API. `code` is for programs, and `message` is for people. */
export interface ApiProblem {
  /** One of {@link API_ERRORS}, an error code of the framework, or a code of your program. */
  readonly code: string;
  /** A sentence for people. */
  readonly message: string;
}

/** The status and the meaning of each code of the API. */
export const API_ERRORS = {
  BODY_CUT: [400, 'the body is incomplete'],
  NOT_JSON: [400, 'the body is not JSON in UTF-8'],
  NO_OBJECT: [400, 'the body, or a part of it, is not an object'],
  UNKNOWN_MEMBER: [400, 'the body has a member that the call does not know'],
  WRONG_BATCH: [400, '`messages` is not a list, is empty, or is longer than the API takes'],
  WRONG_IDEMPOTENCY_KEY: [400, 'the header Idempotency-Key has no key that can be kept'],
  WRONG_MESSAGE: [400, 'there is no message, or it cannot be sent'],
  WRONG_NAME: [400, 'the name of a group or user, or the id of a connection, is not valid'],
  WRONG_PAGE: [
    400,
    '`after` is not `next` of a list, or `limit` is not a number that the API takes',
  ],
  WRONG_SESSION: [400, '`session` or `changes` is not an object, or both are given'],
  WRONG_TARGET: [400, '`to` is not one of group, user, connection, or all: true'],
  WRONG_KEY: [401, 'Authorization is not Bearer and a key of the API'],
  NOT_ALLOWED: [403, 'the key may not do this, or not with these connections'],
  NOT_FOUND: [404, 'there is no such path'],
  WRONG_METHOD: [405, 'the path has another method'],
  OUTCOME_UNKNOWN: [409, 'the first request with this key may have been done, and has no answer'],
  BODY_TOO_LONG: [413, 'the body is longer than the API takes'],
  MESSAGE_TOO_LONG: [413, 'the message or the session is longer than the bus takes'],
  ENCODED_BODY: [415, 'the body is compressed'],
  IDEMPOTENCY_KEY_REUSED: [422, 'another request had this idempotency key'],
  TOO_MANY_REQUESTS: [429, 'the key has used up its rate'],
  INTERNAL: [500, 'the API failed; its log says why'],
  NOT_OFFERED: [501, 'the connections of this API do not offer the call'],
  BUSY: [503, 'the API answers as many requests of the key as it may at a time'],
  KEYS_NOT_SHARED: [503, 'several nodes have the API, and their bus has no store for keys'],
  STILL_RUNNING: [503, 'the first request with the idempotency key is not answered yet'],
} as const satisfies Readonly<Record<string, readonly [status: number, meaning: string]>>;

export type ApiErrorCode = keyof typeof API_ERRORS;

/** The answer to a request. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly value: object;
}

/** An answer that lasts: what begins it, instead of JSON. */
export class StreamAnswer {
  /** Writes the answer. */
  readonly begin: (response: ServerResponse) => void;

  constructor(begin: StreamAnswer['begin']) {
    this.begin = begin;
  }
}

/** A request that is not carried out, with the reason. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  /** @param own - a code of the program that replaces `code` */
  constructor(code: ApiErrorCode, message: string, headers: Refusal['headers'] = {}, own?: string) {
    super(message);
    [this.status] = API_ERRORS[code];
    this.code = own ?? code;
    this.headers = headers;
  }
}

/** Errors of `connectionsOf` that the request caused. */
const REFUSALS = [
  ['OPTION_INVALID', 'WRONG_NAME'],
  ['MESSAGE_NOT_ENCODABLE', 'WRONG_MESSAGE'],
  ['MESSAGE_TOO_LONG', 'MESSAGE_TOO_LONG'],
] as const;
const { code: BUS_DOWN } = BUS_ERRORS.BUS_DOWN;
const RETRY_SOON = { 'retry-after': '1' };

/** Makes the answer for an error, or undefined for an unexpected error. */
export function answerForError(error: unknown): ApiAnswer | undefined {
  if (error instanceof Refusal) {
    const { status, headers, code, message } = error;
    return { status, headers, value: { error: { code, message } } };
  }
  if (!isHeadraceError(error)) return undefined;
  // With a count, other gateways may have acted before one refused.
  const refusal = REFUSALS.find(
    ([code]) => isHeadraceError(error, code) && !('count' in error.details),
  );
  if (refusal !== undefined) return answerForError(new Refusal(refusal[1], error.message));
  const { code, message } = error;
  return {
    status: 503,
    headers: RETRY_SOON,
    value: { error: { code, message }, ...doneIn(error) },
  };
}

/** Returns the number of connections that the answering gateways reached, if other gateways may have acted too. */
function doneIn({ details: { count } }: HeadraceError): { done?: number } {
  return typeof count === 'number' ? { done: count } : {};
}

/** Returns true for an answer after which something was done, or may have been done. */
export function isDone(value: object): boolean {
  if ('results' in value) return (value.results as object[]).some(isDone);
  if (!('error' in value) || 'done' in value) return true;
  const { code } = value.error as ApiProblem;
  // A function of the program can fail after it has sent a part.
  return code === 'INTERNAL' || (code.startsWith('HR_ERR_') && code !== BUS_DOWN);
}
