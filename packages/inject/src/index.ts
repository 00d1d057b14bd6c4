// Pipelines from a container
export { CHANNEL, ChannelScope } from './channel-scope.ts';
export { type ContainerInitializerOptions, containerInitializer } from './container-initializer.ts';
export { type Token, token } from './token.ts';
// The container: tsyringe, with the metadata that it needs
export * from './tsyringe.ts';
