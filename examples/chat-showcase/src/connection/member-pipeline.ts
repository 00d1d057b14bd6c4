// The pipeline after every framing: the core's, with more commands.
import type { Handler, Pipeline } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { CHANNEL, type ChannelScope, type DependencyContainer, token } from '@headrace/inject';
import { addChat } from 'headrace-example-broadcast-chat';
import { PeerLog } from '../room/peer-log.ts';
import { WAY, type Way } from '../room/way.ts';
import { BlameHandler } from './room-handlers.ts';
import { WhoHandler } from './who-handler.ts';

/** Makes the handlers of further commands for members, which stand between those of `WHO` and of messages. */
export const FURTHER_COMMANDS =
  token<(scope: ChannelScope) => readonly Handler[]>('furtherCommands');

/** The time of the channel's clock by which a connection must have signed in. */
export const AUTH_DEADLINE = token<number>('authDeadline');

/** The time for the sign-in is shorter by the time that the detection of the way in took. */
export function timeLeftForAuth(connection: DependencyContainer): number {
  const { clock } = connection.resolve<ChannelScope['channel']>(CHANNEL);
  return Math.max(1, connection.resolve<number>(AUTH_DEADLINE) - clock.now());
}

/** Adds the handlers that are the same for all three ways in; a peer that misbehaves gets a line in the log. */
export function addMember(scope: ChannelScope, texts: Pipeline<string, string>, way: Way): void {
  scope.channel.attributes.set(WAY, way);
  scope.resolve(PeerLog).watch(scope.channel);
  addChat(scope, texts);
  texts.addBefore(EchoHandler, scope.resolve(WhoHandler));
  for (const handler of scope.resolve(FURTHER_COMMANDS)(scope)) {
    texts.addBefore(EchoHandler, handler);
  }
  texts.addLast(scope.resolve(BlameHandler));
}
