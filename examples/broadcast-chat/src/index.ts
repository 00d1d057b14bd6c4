// The parts that other programs build upon.
export { Authenticator } from './authenticator.ts';
export { chatContainer } from './chat-container.ts';
export * from './chat-handlers.ts';
export { addChat, addFrames, MAX_MESSAGE_BYTES } from './chat-pipeline.ts';
export { type ClientIdFault, clientIdFault, clientIdKey, normalizeClientId } from './client-id.ts';
export { idOf, type Member } from './members.ts';
export { AUTH_TIMEOUT_MS, DEFAULT_SETTINGS } from './settings.ts';
