// The parts that other examples use.
export { idOf, type Member } from 'headrace-example-broadcast-chat';
export { type ChatNode, type ChatNodeParts, startChatNode } from './cluster/chat-node.ts';
export type { ClusterGround } from './cluster/cluster-ground.ts';
export { KeptMessage } from './cluster/kept-message.ts';
export { type NodesOptions, runNodes } from './cluster/run-nodes.ts';
export { type PageFiles, readPageFiles } from './http/page-files.ts';
export { Room } from './room/room.ts';
export { loadSettings, SettingsError } from './settings/load-settings.ts';
export { type Settings, settingsSchema } from './settings/settings.ts';
