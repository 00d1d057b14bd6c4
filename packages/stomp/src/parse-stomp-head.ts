import { type Buffer, isUtf8 } from 'node:buffer';
import { DecodeError } from '@headrace/core';
import {
  CONTENT_LENGTH,
  isEscaped,
  STOMP_COMMANDS,
  type StompCommand,
  type StompVersion,
} from './stomp-frame.ts';

export interface StompHead {
  readonly command: StompCommand;
  readonly headers: readonly (readonly [string, string])[];
  readonly contentLength: number | undefined;
}

const CHARACTERS: Readonly<Record<string, string>> = { r: '\r', n: '\n', c: ':', '\\': '\\' };

/** Parses the lines up to the empty line. A line ends in LF or CRLF. A colon in a value is part of the value. */
export function parseStompHead(
  bytes: Buffer,
  maxHeaders: number,
  version: StompVersion,
): StompHead {
  if (!isUtf8(bytes)) throw corrupt('its headers are not UTF-8');
  const [command = '', ...lines] = bytes.toString().split(/\r?\n/);
  if (!STOMP_COMMANDS.has(command)) {
    throw corrupt(`${JSON.stringify(command.slice(0, 40))} is not a command`);
  }
  const read = isEscaped(command, version) ? unescaped : (text: string): string => text;
  // Two empty lines end the head.
  const count = lines.length - 2;
  if (count > maxHeaders) {
    const text = `a STOMP frame has ${count} headers, more than maxHeaders, ${maxHeaders}`;
    throw new DecodeError('FRAME_TOO_LONG', text, { headers: count, maxHeaders });
  }
  const headers = lines
    .filter((line) => line !== '')
    .map((line): readonly [string, string] => {
      if (line.includes('\r')) throw corrupt('a header has a CR without an LF after it');
      const colon = line.indexOf(':');
      if (colon < 1) throw corrupt(`${JSON.stringify(line.slice(0, 40))} is not a header`);
      return [read(line.slice(0, colon)), read(line.slice(colon + 1))];
    });
  return {
    command: command as StompCommand,
    headers,
    contentLength: contentLengthOf(headers.find(([name]) => name === 'content-length')?.[1]),
  };
}

function contentLengthOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (CONTENT_LENGTH.test(value)) return Number(value);
  throw corrupt(`content-length is ${JSON.stringify(value.slice(0, 40))}`);
}

function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(.?)/gs, (sequence, letter: string) => {
    const character = CHARACTERS[letter];
    if (character === undefined)
      throw corrupt(`${JSON.stringify(sequence)} is not an escape sequence of STOMP`);
    return character;
  });
}

function corrupt(why: string): DecodeError {
  return new DecodeError('FRAME_CORRUPT', `no STOMP frame: ${why}`);
}
