// The parts of the showcase, on the core's container: read this first.
import type { Channel, Handler, Logger, OutboundBytes } from '@headrace/core';
import {
  type ChannelScope,
  containerInitializer,
  type DependencyContainer,
} from '@headrace/inject';
import type { WebSocketInput, WebSocketOutput } from '@headrace/websocket';
import { AUTH_TIMEOUT_MS, Authenticator, chatContainer } from 'headrace-example-broadcast-chat';
import { addWebSocketTexts } from './connection/framings.ts';
import {
  AUTH_DEADLINE,
  addMember,
  FURTHER_COMMANDS,
  timeLeftForAuth,
} from './connection/member-pipeline.ts';
import { Refusal } from './connection/refusal.ts';
import { replaceHandlers } from './connection/room-handlers.ts';
import { addThreeWays } from './connection/three-ways.ts';
import { ChatEntry, WEB_SOCKET_ACCEPTOR } from './http/chat-entry.ts';
import { PAGE_FILES, type PageFiles } from './http/page-files.ts';
import { ServedPage } from './http/served-page.ts';
import { PageLineHandler } from './page-line/page-line-handler.ts';
import { LocalGround } from './room/local-ground.ts';
import { LOGGER, PeerLog } from './room/peer-log.ts';
import { Room } from './room/room.ts';
import { ROOM_GROUND, type RoomGround } from './room/room-ground.ts';
import { WayFeed } from './room/way-feed.ts';
import { SETTINGS, type Settings } from './settings/settings.ts';

const SINGLETONS = [PeerLog, Room, WayFeed, ServedPage, ChatEntry, Refusal];

export interface ShowcaseParts {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly files: PageFiles;
  /** @default a room of this process */
  readonly ground?: RoomGround | undefined;
  /** @default none */
  readonly furtherCommands?: ((scope: ChannelScope) => readonly Handler[]) | undefined;
}

/** One container for the application; each connection gets a child of it. */
export function showcaseContainer({
  settings,
  logger,
  files,
  ground = new LocalGround(settings),
  furtherCommands = () => [],
}: ShowcaseParts): DependencyContainer {
  const { members, sessions } = ground;
  const container = chatContainer({ settings, members, sessions })
    .register(AUTH_TIMEOUT_MS, { useFactory: timeLeftForAuth })
    .register(SETTINGS, { useValue: settings })
    .register(LOGGER, { useValue: logger })
    .register(PAGE_FILES, { useValue: files })
    .register(ROOM_GROUND, { useValue: ground })
    .register(FURTHER_COMMANDS, { useValue: furtherCommands });
  replaceHandlers(container);
  for (const type of SINGLETONS) container.registerSingleton(type as never);
  const acceptor = containerInitializer(container, addWebSocketChat);
  return container.register(WEB_SOCKET_ACCEPTOR, { useValue: acceptor });
}

/** Builds the pipeline of an accepted connection. */
export function connectionInitializer(
  container: DependencyContainer,
): (channel: Channel<Buffer, OutboundBytes>) => void {
  return containerInitializer(container, addThreeWays, {
    singletons: [Authenticator, ...SINGLETONS] as never,
  });
}

/** A WebSocket is a connection of its own, which must sign in as any other. */
function addWebSocketChat(
  scope: ChannelScope,
  channel: Channel<WebSocketInput, WebSocketOutput>,
): void {
  const { authSeconds } = scope.resolve(SETTINGS);
  scope.provide(AUTH_DEADLINE, channel.clock.now() + authSeconds * 1000);
  channel.pipeline.addLast(scope.resolve(PageLineHandler));
  addMember(scope, addWebSocketTexts(channel), 'page');
}
