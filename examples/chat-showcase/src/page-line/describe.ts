import { isOutboundBytes } from '@headrace/core/authoring';
import { TextMessage } from '@headrace/websocket';
import type { Step } from './page-message.ts';

const MAX_SHOWN = 48;

/** Describes a message in a few words: bytes, a frame, a text, an event. */
export function describe(message: unknown, isFrame = false): Pick<Step, 'kind' | 'what'> {
  if (typeof message === 'string')
    return { kind: isFrame ? 'frame' : 'text', what: quote(message) };
  if (message instanceof TextMessage) {
    return { kind: 'frame', what: `${message.byteLength} B` };
  }
  if (isOutboundBytes(message)) {
    return { kind: 'bytes', what: `${message.byteLength} B` };
  }
  return { kind: 'object', what: nameOf(message) };
}

export function describeEvent(event: unknown): Pick<Step, 'kind' | 'what'> {
  const { state } = event as { readonly state?: unknown };
  const detail = typeof state === 'string' ? ` (${state})` : '';
  return { kind: 'event', what: nameOf(event) + detail };
}

function nameOf(value: unknown): string {
  return (value as object | undefined)?.constructor?.name ?? typeof value;
}

function quote(text: string): string {
  const shown = [...text.slice(0, MAX_SHOWN * 2)];
  if (shown.length <= MAX_SHOWN) return `“${text}”`;
  return `“${shown.slice(0, MAX_SHOWN).join('')}…” ${text.length} characters`;
}
