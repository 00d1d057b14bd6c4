/**
 * For packages that are built on the cluster: `@headrace/cluster/authoring`. The names can change in minor versions.
 *
 * @module
 */

// Arguments of applications
export { checkChannel } from './application/check-channel.ts';
// Groups that deliver their messages in a way of their own
export type { BusDeliveryOptions } from './delivery/bus-delivery.ts';
export { elsewhere } from './delivery/elsewhere.ts';
export type { DeliveryGroup, GroupDelivery } from './delivery/group-delivery.ts';
// Bodies of messages
export { type Body, decodeBody, encodeBody } from './envelope/body.ts';
export { BODY, type BodyType, checkBodyLength, MAX_BODY_BYTES } from './envelope/envelope.ts';
export {
  checkGroupName,
  checkSameOptions,
  commonPlan,
  GROUP_OPTIONS,
  type GroupPlan,
} from './group/group-options.ts';
export { GroupTable } from './group/group-table.ts';
// Nodes
export { MemberPace, type PacedMembers } from './pace/member-pace.ts';
export { additionOf, portOf } from './port/cluster-port.ts';
export {
  type CommandAnswer,
  type CommandListener,
  type CommandOutcome,
  commandsOf,
  type NodeCommands,
} from './port/node-commands.ts';
export {
  busDelivery,
  DeliveredGroup,
  type DeliveredGroupClass,
  type GroupNode,
  type GroupWire,
  groupsOf,
  type NodeGroups,
  type StoredMessage,
  wireOf,
} from './port/node-groups.ts';
export type { NodeListener, NodePort } from './port/node-port.ts';
export { type ServingNodes, servingNodesOf } from './port/serving-nodes.ts';
