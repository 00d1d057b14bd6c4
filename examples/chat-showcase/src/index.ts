// The parts that other examples use.
export { idOf, type Member } from 'headrace-example-broadcast-chat';
export { type ChatServer, type ChatServerParts, startChatServer } from './chat-server.ts';
export { MAX_MESSAGES, newest, type Recent, type RoomHistory, type Said } from './history.ts';
export { type PresenceListener, Room, RoomBroadcastHandler, type RoomGround } from './room.ts';
export { loadSettings, type Settings, SettingsError, settingsSchema } from './settings.ts';
export { WhoHandler } from './who.ts';
