// What belongs to the chat and how it is put together: read this first.
import type { Channel, Handler, Logger, OutboundBytes } from '@headrace/core';
import {
  type ChannelScope,
  containerInitializer,
  type DependencyContainer,
  container as root,
} from '@headrace/inject';
import type { WebSocketInput, WebSocketOutput } from '@headrace/websocket';
import { AUTH_DEADLINE, addChat, FURTHER_COMMANDS } from './connection/chat-handlers.ts';
import { addWebSocketTexts } from './connection/framings.ts';
import { Refusal } from './connection/refusal.ts';
import { addThreeWays } from './connection/three-ways.ts';
import { ChatEntry, WEB_SOCKET_ACCEPTOR } from './http/chat-entry.ts';
import { PAGE_FILES, type PageFiles } from './http/page-files.ts';
import { ServedPage } from './http/served-page.ts';
import { PageLineHandler } from './page-line/page-line-handler.ts';
import { Authenticator } from './room/authenticator.ts';
import { LocalGround } from './room/local-ground.ts';
import { LOGGER, PeerLog } from './room/peer-log.ts';
import { Room } from './room/room.ts';
import { ROOM_GROUND, type RoomGround } from './room/room-ground.ts';
import { WayFeed } from './room/way-feed.ts';
import { SETTINGS, type Settings } from './settings/settings.ts';

const SINGLETONS = [PeerLog, Room, WayFeed, Authenticator, ServedPage, ChatEntry, Refusal];

export interface ChatParts {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly files: PageFiles;
  /** @default a room of this process */
  readonly ground?: RoomGround | undefined;
  /** @default none */
  readonly furtherCommands?: ((scope: ChannelScope) => readonly Handler[]) | undefined;
}

/** One container for the application; each connection gets a child of it. */
export function chatContainer({
  settings,
  logger,
  files,
  ground = new LocalGround(settings),
  furtherCommands = () => [],
}: ChatParts): DependencyContainer {
  const container = root
    .createChildContainer()
    .register(SETTINGS, { useValue: settings })
    .register(LOGGER, { useValue: logger })
    .register(PAGE_FILES, { useValue: files })
    .register(ROOM_GROUND, { useValue: ground })
    .register(FURTHER_COMMANDS, { useValue: furtherCommands });
  for (const type of SINGLETONS) container.registerSingleton(type as never);
  const acceptor = containerInitializer(container, addWebSocketChat);
  return container.register(WEB_SOCKET_ACCEPTOR, { useValue: acceptor });
}

/** Builds the pipeline of an accepted connection. */
export function connectionInitializer(
  container: DependencyContainer,
): (channel: Channel<Buffer, OutboundBytes>) => void {
  return containerInitializer(container, addThreeWays, { singletons: SINGLETONS as never });
}

/** A WebSocket is a connection of its own: it has just begun, and must sign in as any other. */
function addWebSocketChat(
  scope: ChannelScope,
  channel: Channel<WebSocketInput, WebSocketOutput>,
): void {
  const { authSeconds } = scope.resolve(SETTINGS);
  scope.provide(AUTH_DEADLINE, channel.clock.now() + authSeconds * 1000);
  channel.pipeline.addLast(scope.resolve(PageLineHandler));
  addChat(scope, addWebSocketTexts(channel), 'page');
}
