// The application's container: the objects that all connections share.
import type { Channel, Group, OutboundBytes } from '@headrace/core';
import { SessionRegistry, type Sessions } from '@headrace/handlers';
import {
  containerInitializer,
  type DependencyContainer,
  container as root,
} from '@headrace/inject';
import { Authenticator } from './authenticator.ts';
import { addChat, addFrames } from './chat-pipeline.ts';
import { clientIdKey } from './client-id.ts';
import { MEMBERS, type Member, memberGroup, SESSIONS } from './members.ts';
import { AUTH_TIMEOUT_MS, type ChatSettings, SETTINGS } from './settings.ts';

export interface ChatParts {
  readonly settings: ChatSettings;
  /** @default a group of this process, which announces joins and leaves */
  readonly members?: Group<string>;
  /** @default those of this process */
  readonly sessions?: Sessions<Member>;
}

/** A program may register its own class for a handler: `register(ChatEchoHandler, { useClass: MyEchoHandler })`. */
export function chatContainer({
  settings,
  members = memberGroup(settings),
  sessions = new SessionRegistry<Member>(({ id }) => clientIdKey(id)),
}: ChatParts): DependencyContainer {
  return root
    .createChildContainer()
    .register(SETTINGS, { useValue: settings })
    .register(AUTH_TIMEOUT_MS, { useValue: settings.authSeconds * 1000 })
    .register(MEMBERS, { useValue: members })
    .register(SESSIONS, { useValue: sessions })
    .registerSingleton(Authenticator);
}

/** Builds the pipeline of each connection, with a child of the application's container. */
export function connectionInitializer(
  container: DependencyContainer,
): (channel: Channel<Buffer, OutboundBytes>) => void {
  return containerInitializer(container, (scope, channel) => addChat(scope, addFrames(channel)), {
    singletons: [Authenticator],
  });
}
