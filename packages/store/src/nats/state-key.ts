import { Buffer } from 'node:buffer';
import { LONE_SURROGATE } from '@headrace/bus/authoring';

const PLAIN = /^[A-Za-z0-9_-]+$/;

/** Encodes a key as one token of a subject: `p` and the key, or `b` or `u` and its UTF-8 or UTF-16 as base64url. */
export function keyToken(key: string): string {
  if (PLAIN.test(key)) return `p${key}`;
  // Different halves of a surrogate pair would have the same UTF-8.
  const isUtf8 = !LONE_SURROGATE.test(key);
  const bytes = Buffer.from(key, isUtf8 ? 'utf8' : 'utf16le');
  return `${isUtf8 ? 'b' : 'u'}${bytes.toString('base64url')}`;
}

/** Decodes the key at the end of a subject. */
export function keyIn(subject: string): string {
  const token = subject.slice(subject.lastIndexOf('.') + 1);
  const rest = token.slice(1);
  if (token.startsWith('p')) return rest;
  return Buffer.from(rest, 'base64url').toString(token.startsWith('u') ? 'utf16le' : 'utf8');
}
