/**
 * Namespaces of Socket.IO on all nodes of a cluster: `@headrace/socket-io/cluster`.
 *
 * @module
 */
export { clusterNodes } from './node/cluster-nodes.ts';
