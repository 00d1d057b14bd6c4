/**
 * Namespaces of Socket.IO on all nodes of a cluster, whose clients any node recovers: `@headrace/socket-io/durable`.
 *
 * @module
 */
export { type DurableNodesOptions, durableNodes } from './node/durable-nodes.ts';
