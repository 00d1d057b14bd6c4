import { AttributeKey, type Channel } from '@headrace/core';
import type { StompFrame, StompVersion } from './stomp-frame.ts';

/** The newest first. */
const VERSIONS: readonly StompVersion[] = ['1.2', '1.1', '1.0'];

const VERSION = new AttributeKey<StompVersion>('STOMP version');

/** Returns the version of a channel: that of its CONNECTED, before it the highest one of its CONNECT, and 1.2 without either. */
export function stompVersionOf({ attributes }: Channel): StompVersion {
  return attributes.get(VERSION) ?? '1.2';
}

/** Takes the version from the frames that negotiate it. A CONNECT or CONNECTED without a version means 1.0. */
export function noteStompVersion({ attributes }: Channel, frame: StompFrame): void {
  const { command } = frame;
  let given: string | undefined;
  if (command === 'CONNECTED') given = frame.header('version');
  else if (command === 'CONNECT' || command === 'STOMP') given = frame.header('accept-version');
  else return;
  const versions = (given ?? '1.0').split(',').map((one) => one.trim());
  attributes.set(
    VERSION,
    VERSIONS.find((one) => versions.includes(one)),
  );
}
