// Asks a health server for its status.
import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { systemClock } from '@headrace/core';
import { attempted, printable, socketHost, urlHost } from '@headrace/core/authoring';
import type { ServedStatus } from '@headrace/handlers/health';
import { UserError } from './user-error.ts';

/** What a program without a status lacks. */
const LINE_TO_ADD =
  'a program serves it with serveHealth({ port: 9464, key, status: processStatus({ metrics }) })';

/** A program that is asked. */
export interface Target {
  readonly url: URL;
  /** The address that is asked, one of many that the name in the URL has. @default any of them */
  readonly address?: LookupAddress;
}

export interface AskOptions {
  readonly key: string | undefined;
  /** Maximum time for the whole answer, in milliseconds. */
  readonly timeoutMs: number;
}

interface Answer {
  readonly code: number;
  readonly body: string;
}

/** Maximum size of an answer. The status of a thousand processes has about two megabytes. */
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Returns the status of a program.
 *
 * @throws UserError if there is no answer, or an answer that is not a status
 */
export async function askStatus(
  target: Target,
  { key, timeoutMs }: AskOptions,
): Promise<ServedStatus> {
  const { url } = target;
  const place = placeOf(target);
  const error = (): Error => new UserError(`${place} did not answer within ${timeoutMs / 1000} s`);
  const limit = { clock: systemClock, timeoutMs, error };
  const { code, body } = await attempted((signal) => answerOf(target, key, signal), { limit });
  if (code === 401) throw new UserError(refusedText(place, key));
  if (code === 404) {
    throw new UserError(`${url.href} has no status: ${LINE_TO_ADD}`);
  }
  if (code === 500) {
    throw new UserError(`${place} could not make its status: its log has the reason`);
  }
  if (code !== 200) throw new UserError(`${url.href}: unexpected HTTP status ${code}`);
  return statusIn(body, url);
}

/**
 * Returns a target for each address of the name in a URL.
 *
 * @throws UserError if the name has no address
 */
export async function targetsOf(url: URL): Promise<Target[]> {
  const name = socketHost(url.hostname);
  const addresses = await lookup(name, { all: true }).catch((error: Error) => {
    throw new UserError(failureText({ url }, error));
  });
  return addresses.map((address) => ({ url, address }));
}

/** Returns the text of a target for people. */
export function placeOf({ url, address }: Target): string {
  if (address === undefined) return url.host;
  const host = urlHost(address.address);
  return url.port === '' ? host : `${host}:${url.port}`;
}

function refusedText(place: string, key: string | undefined): string {
  if (key !== undefined) return `${place} refuses the key`;
  return `${place} needs a key: set HEADRACE_KEY, or use --key-file`;
}

function answerOf(target: Target, key: string | undefined, signal: AbortSignal): Promise<Answer> {
  const { url, address } = target;
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const options = { headers, signal, agent: false, ...(address && { lookup: lookupOf(address) }) };
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(new UserError(failureText(target, error)));
    const asked = request(url, options, (response) => {
      bodyOf(response).then(
        (body) => resolve({ code: response.statusCode ?? 0, body }),
        (error: Error) => {
          asked.destroy();
          failed(error);
        },
      );
    });
    asked.on('error', failed);
    asked.end();
  });
}

/** Returns a lookup that finds this address only, so that the name in the URL stays the name in the request and for TLS. */
function lookupOf({ address, family }: LookupAddress): LookupFunction {
  return (_name, { all }, done) => {
    if (all === true) done(null, [{ address, family }]);
    else done(null, address, family);
  };
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > MAX_BYTES) throw new Error(`its answer has more than ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function failureText(target: Target, error: Error): string {
  const place = placeOf(target);
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'ECONNREFUSED') return `nothing listens on ${place}: ${LINE_TO_ADD}`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `${target.url.hostname} has no address`;
  if (code.startsWith('HPE_')) return `${place} does not speak HTTP`;
  if (code === 'ECONNRESET') return `${place} closed the connection without an answer`;
  // Node joins the errors of several addresses, and leaves their message empty.
  const text = message === '' ? (error as AggregateError).errors?.[0]?.message : message;
  return printable(`${place} cannot be asked: ${text ?? code}`);
}

function statusIn(body: string, url: URL): ServedStatus {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    value = undefined;
  }
  if (!isObject(value) || value['headrace'] !== 'status') {
    throw new UserError(`${url.href} is not the status of a Headrace program`);
  }
  if (value['version'] !== 1) {
    throw new UserError(`${url.host} has a newer format: use a newer version of headrace`);
  }
  const status = readable(value);
  if (status === undefined) throw new UserError(`${url.host} has a status with missing fields`);
  return status;
}

const CHANNEL = { id: '', remote: '', waitingBytes: 0, holds: [''], heldMs: 0 } as const;
const GROUP = { name: '', members: 0 } as const;
const MISSING = { name: '', why: '' } as const;
/** The numbers and objects of a process that the table reads. */
const PROCESS = {
  name: '',
  host: '',
  pid: 0,
  uptimeMs: 0,
  memory: { rssBytes: 0 },
  connections: { open: 0, opened: 0, closed: {} },
  traffic: { bytesRead: 0, bytesWritten: 0, messagesRead: 0, messagesWritten: 0 },
  errors: {},
  channels: { looked: 0, waitingBytes: 0, unwritable: 0, holds: {}, slowest: [CHANNEL] },
  groups: { looked: 0, isWhole: true, slowMembers: {}, largest: [GROUP] },
} as const;

/** Levels of a value that is shown. A report has six, and a deeper value could end the command. */
const MAX_DEPTH = 20;

/**
 * Returns a status with the processes whose reports can be shown. The others are missing in it, so that one odd process does not hide
 * the rest. Returns undefined if nothing can be shown.
 */
function readable(value: Record<string, unknown>): ServedStatus | undefined {
  const { processes, missing, notReady } = value;
  const areRight = isLike(missing, [MISSING]) && isLike(notReady, ['']);
  if (!areRight || !Array.isArray(processes) || !isShallow({ ...value, processes: [] })) {
    return undefined;
  }
  const shown = processes.filter((each) => isShallow(each) && isLike(each, PROCESS));
  if (shown.length === 0 && processes.length > 0) return undefined;
  const odd = processes.filter((each) => !shown.includes(each));
  const why = 'its report lacks fields, or has them with other types';
  return {
    ...(value as object as ServedStatus),
    processes: shown,
    missing: [
      ...(missing as ServedStatus['missing']),
      ...odd.map((each) => ({ name: nameOf(each), why })),
    ],
  };
}

function nameOf(process: unknown): string {
  const name = isObject(process) ? process['name'] : undefined;
  return typeof name === 'string' ? name : 'a process';
}

function isShallow(value: unknown, levels = MAX_DEPTH): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((each) => isShallow(each, levels - 1));
}

/**
 * Returns true if the value has the types of the model. An empty object allows numbers only, as the counts by name are. An array has
 * any number of values like the one in its model.
 */
function isLike(value: unknown, model: unknown): boolean {
  if (Array.isArray(model)) {
    return Array.isArray(value) && value.every((each) => isLike(each, model[0]));
  }
  if (!isObject(model)) return typeof value === typeof model;
  if (!isObject(value)) return false;
  const names = Object.keys(model);
  if (names.length === 0) return Object.values(value).every((each) => typeof each === 'number');
  return names.every((name) => isLike(value[name], model[name]));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
